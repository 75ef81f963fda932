"""What is checked before a version is registered, and where its artifact goes."""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.target import Target
from tasks.errors import InvalidRegistration, RegistrationTooLarge, ServiceUnavailable, TaskError, VersionExists
from tasks.models.artifact import Artifact, checksum, pack, read_artifact, unpack
from tasks.models.registry import Registry
from tasks.models.version import ModelVersion, RegisteredVersion
from tasks.storage import Location, Storage

ARCHIVE, METADATA = "model.tar.gz", "version.json"
_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Candidate:
    """A version that may be registered: its archive, and its metadata, but for where the archive will be."""

    body: bytes
    version: ModelVersion


def read_candidate(target: Target, source: str, version_id: str | None) -> Candidate:
    """Read an artifact and check it as the model server will.

    Parameters
    ----------
    source
        A folder with the files of an artifact or with `model.tar.gz`, such an archive, or the S3 URI of one. A
        `version.json` beside it, as `train` writes it, tells version, checksum, threshold, baseline and statistics.
    version_id
        Id of the version; None to take that of `version.json`.

    Raises
    ------
    RefusedError
        If there is no artifact, or it is not what its metadata say, does not load or does not score as promised.
    """
    try:
        body, document = _from_s3(target, source) if source.startswith("s3://") else _from_disk(Path(source))
        wanted = version_id or document.get("versionId")
        if not isinstance(wanted, str) or not _VERSION.fullmatch(wanted):
            raise RefusedError(
                "The version needs an id." if wanted is None else f"{wanted!r} is no id of a version.",
                f"Give one with --version, 1 to 64 characters of A-Z a-z 0-9 _ . and -; {METADATA} may tell it too.",
            )
        artifact = unpack(body, document.get("sha256", checksum(body)))
        _put_to_the_test(artifact)
        return Candidate(body, _version(wanted, body, artifact, document))
    except ServiceUnavailable:
        raise
    except TaskError as error:
        raise RefusedError(f"{source} is refused: {type(error).__name__}: {error}.") from error


def upload_and_register(target: Target, registry: Registry, candidate: Candidate) -> RegisteredVersion:
    """Bring the archive to the bucket of models, and register the version; nobody reads it there before.

    Returns
    -------
    The version as it is registered.

    Raises
    ------
    RefusedError
        If the id is taken by another artifact, or the registry cannot keep what is told of the version.
    """
    place = Location(target.names.bucket("models"), f"versions/{candidate.version.version_id}/{ARCHIVE}")
    version = replace(candidate.version, artifact=str(place))
    storage = Storage(target.client("s3"))
    taken = f"The version {version.version_id} has another artifact already; versions never change."
    try:
        version.registration()[0].to_json()  # so that nothing is uploaded if the registry cannot keep it
        if not storage.write_if_absent(place, candidate.body) and storage.read(place) != candidate.body:
            raise RefusedError(taken, "Choose another id with --version.")
        registry.register(version)
    except VersionExists as error:
        raise RefusedError(f"{taken} {error}", "Choose another id with --version.") from error
    except (InvalidRegistration, RegistrationTooLarge) as error:
        raise RefusedError(f"{version.version_id} is not registered: {type(error).__name__}: {error}.") from error
    return registry.get(version.version_id)


def _from_s3(target: Target, uri: str) -> tuple[bytes, dict[str, Any]]:
    storage, place = Storage(target.client("s3")), Location.parse(uri)
    body = storage.read(place)
    if body is None:
        raise RefusedError(f"There is no object {uri}.", f"It must be the URI of a {ARCHIVE}.")
    beside = storage.read(Location(place.bucket, f"{place.key.rpartition('/')[0]}/{METADATA}".lstrip("/")))
    return body, _document(beside or b"{}", f"{METADATA} beside {uri}")


def _from_disk(source: Path) -> tuple[bytes, dict[str, Any]]:
    folder = source if source.is_dir() else source.parent
    archive = source / ARCHIVE if source.is_dir() else source
    try:
        if archive.exists():
            body = archive.read_bytes()
        elif source.is_dir():
            files = [path.name for path in source.iterdir() if path.is_file()]
            body = pack(read_artifact(files, lambda name: (source / name).read_bytes()))
        else:
            raise RefusedError(f"There is no {source}.", f"Give a folder, a {ARCHIVE}, or the s3:// URI of one.")
        beside = folder / METADATA
        document = beside.read_bytes() if beside.exists() else b"{}"
    except OSError as error:
        raise RefusedError(f"{error.filename or source} cannot be read: {error.strerror}.") from error
    return body, _document(document, str(beside))


def _document(text: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RefusedError(f"{name} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise RefusedError(f"{name} is no JSON object.")
    return document


def _put_to_the_test(artifact: Artifact) -> None:
    """Load it and score its golden records with the model server's own code."""
    from batch_jobs.errors import JobError
    from batch_jobs.serving.model_directory import load  # here, because the libraries cost seconds of imports

    with tempfile.TemporaryDirectory(prefix="ml-pipeline-") as folder:
        directory = Path(folder)
        (directory / artifact.model_file).write_bytes(artifact.body)
        (directory / "signature.json").write_text(json.dumps(artifact.signature.to_json()))
        (directory / "golden.json").write_text(json.dumps(list(artifact.golden)))
        try:
            load(directory)
        except JobError as error:
            raise RefusedError(f"The artifact is refused: {type(error).__name__}: {error}.") from error


def _version(wanted: str, body: bytes, artifact: Artifact, document: Mapping[str, Any]) -> ModelVersion:
    if "signature" in document and document["signature"] != artifact.signature.to_json():
        raise RefusedError(f"The artifact is refused: its signature is not the one in {METADATA}.")
    threshold = document.get("threshold", _DEFAULT_THRESHOLD)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise RefusedError(f"The threshold in {METADATA} is {threshold!r}; it must be between 0 and 1.")
    return ModelVersion(
        version_id=wanted,
        artifact="",
        sha256=checksum(body),
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        framework=artifact.framework,
        threshold=threshold,
        signature=artifact.signature,
        baseline=document.get("baseline", {}),
        statistics=document.get("statistics", {}),
    )

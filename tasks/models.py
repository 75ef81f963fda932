"""The model registry in Parameter Store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

import orjson
from botocore.exceptions import ClientError

from tasks.artifact import Artifact, unpack
from tasks.aws import client, error_code, named_failures
from tasks.errors import ArtifactMissing, InvalidMetadata, InvalidSignature, NoSuchVersion, VersionExists
from tasks.signature import Signature
from tasks.storage import Location, Storage

#: There is no such parameter, or there can be none: what people write into the active version may be no part of a name
#: (AWS Systems Manager API reference, "GetParameter" and "Common Errors").
_NOT_THERE = {"ParameterNotFound", "ValidationException"}


@dataclass(frozen=True)
class ModelVersion:
    """What the registry knows of a version.

    `artifact` is the archive's S3 URI; `threshold` the score from which a prediction is true; `baseline` the quality
    measured at training; `statistics` the distribution of each feature at training, for drift checks; `image` the
    URI of the container image that serves it, None as long as no endpoint needs one.
    """

    version_id: str
    artifact: str
    sha256: str
    created_at: str
    framework: str
    threshold: float
    signature: Signature
    baseline: Mapping[str, float]
    statistics: Mapping[str, Any]
    image: str | None = None

    def to_json(self) -> str:
        """The value of the metadata parameter; `image` only where there is one."""
        fields = {_camel(name): value for name, value in asdict(self).items() if (name, value) != ("image", None)}
        return orjson.dumps(fields | {"signature": self.signature.to_json()}).decode()

    @classmethod
    def from_json(cls, text: str) -> ModelVersion:
        """Take over what `to_json` gave."""
        document = orjson.loads(text)
        fields = {name: document[_camel(name)] for name in cls.__dataclass_fields__ if name != "image"}
        fields |= {"signature": Signature.from_json(document["signature"]), "image": document.get("image")}
        return cls(**fields)


class Registry:
    """Model versions in Parameter Store: `{root}/active-version` and `{root}/versions/{id}/metadata`.

    Parameters
    ----------
    root
        Path of the hierarchy, such as `/ml-pipeline/models`.
    ssm
        A botocore client; default: the process's own.
    """

    def __init__(self, root: str, ssm: Any = None) -> None:
        self._root = root
        self._active = f"{root}/active-version"
        self._ssm = ssm if ssm is not None else client("ssm")

    def versions(self) -> list[str]:
        """The ids of all registered versions, sorted."""
        path = f"{self._root}/versions"
        with named_failures(f"list the parameters below {path}"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
            names = [parameter["Name"] for page in pages for parameter in page["Parameters"]]
        return sorted(name.removeprefix(f"{path}/").removesuffix("/metadata") for name in names)

    def get(self, version_id: str) -> ModelVersion:
        """A version's metadata.

        Raises
        ------
        NoSuchVersion
            Names the versions that there are.
        InvalidMetadata
            If somebody has spoilt it.
        """
        text = self._read(self._metadata(version_id))
        if text is None:
            raise NoSuchVersion(f"model version {version_id!r} is not registered; registered are {self._known()}")
        try:
            return ModelVersion.from_json(text)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidMetadata(
                f"the parameter {self._metadata(version_id)} is not what was registered: {error!r}"
            ) from error

    def is_registered(self, version_id: str) -> bool:
        """Whether there is such a version."""
        return self._read(self._metadata(version_id)) is not None

    def active(self) -> str:
        """What the parameter of the active version says: people may set it, so that it need be no version's id.

        Raises
        ------
        NoSuchVersion
            If none is active.
        """
        version_id = self._read(self._active)
        if version_id is None:
            raise NoSuchVersion(
                f"no model version is active; registered are {self._known()}; there is no parameter {self._active}"
            )
        return version_id

    def active_version(self, known: ModelVersion | None = None) -> ModelVersion:
        """The active version's metadata.

        Parameters
        ----------
        known
            A version that is at hand. It is not read again if it is the active one: registered versions never change.

        Raises
        ------
        NoSuchVersion
            If none is active, or the parameter names none that is registered; says what it names.
        InvalidMetadata
            As `get`.
        """
        version_id = self.active()
        if known is not None and known.version_id == version_id:
            return known
        try:
            return self.get(version_id)
        except NoSuchVersion as error:
            raise NoSuchVersion(f"the parameter {self._active} says {version_id!r}: {error}") from error

    def activations(self) -> list[str]:
        """The ids that were active one after the other, the newest first, without repetitions in a row.

        Parameter Store keeps the last 100 writes.
        """
        with named_failures(f"read the history of the parameter {self._active}"):
            try:
                pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=self._active)
                writes = [write for page in pages for write in page["Parameters"]]
            except ClientError as error:
                if error_code(error) == "ParameterNotFound":
                    return []
                raise
        newest_first = sorted(writes, key=lambda write: int(write["Version"]), reverse=True)
        return [version_id for version_id, _ in groupby(write["Value"] for write in newest_first)]

    def activate(self, version_id: str) -> None:
        """Make a registered version the active one.

        Raises
        ------
        NoSuchVersion
            If it is not registered.
        """
        self.get(version_id)
        with named_failures(f"write the parameter {self._active}"):
            self._ssm.put_parameter(Name=self._active, Value=version_id, Type="String", Overwrite=True)

    def register(self, version: ModelVersion) -> None:
        """Add a version. Versions never change; to register the same artifact again has no effect.

        Raises
        ------
        VersionExists
            If the id is taken by another artifact.
        """
        name = self._metadata(version.version_id)
        with named_failures(f"write the parameter {name}"):
            try:
                self._ssm.put_parameter(
                    Name=name, Value=version.to_json(), Type="String", Tier="Intelligent-Tiering", Overwrite=False
                )
            except ClientError as error:
                if error_code(error) != "ParameterAlreadyExists":
                    raise
                before = self.get(version.version_id)
                if before.sha256 != version.sha256:
                    raise VersionExists(
                        f"model version {version.version_id} is registered with another artifact "
                        f"(SHA-256 {before.sha256}, created {before.created_at}); choose another id"
                    ) from error

    def complete(self, version_id: str, image: str, *, anew: bool = False) -> ModelVersion:
        """Give a version the image that serves it, unless it has one: whoever trained it did not need any.

        Parameters
        ----------
        anew
            Whether to replace an image that it has: right only while nothing serves the version with that.

        Returns
        -------
        The version as it is registered now.

        Raises
        ------
        NoSuchVersion
            If it is not registered.
        """
        version = self.get(version_id)
        if version.image == image or (version.image is not None and not anew):
            return version
        version = replace(version, image=image)
        name = self._metadata(version_id)
        with named_failures(f"write the parameter {name}"):
            self._ssm.put_parameter(
                Name=name, Value=version.to_json(), Type="String", Tier="Intelligent-Tiering", Overwrite=True
            )
        return version

    def _metadata(self, version_id: str) -> str:
        return f"{self._root}/versions/{version_id}/metadata"

    def _known(self) -> str:
        return ", ".join(self.versions()) or "none"

    def _read(self, name: str) -> str | None:
        with named_failures(f"read the parameter {name}"):
            try:
                return str(self._ssm.get_parameter(Name=name)["Parameter"]["Value"])
            except ClientError as error:
                if error_code(error) in _NOT_THERE:
                    return None
                raise


def fetch_artifact(version: ModelVersion, storage: Storage) -> Artifact:
    """Download a version's artifact and compare it with the registry.

    Raises
    ------
    ArtifactMissing
        If it is not where the registry says.
    ArtifactTampered
        If its bytes are not those that were registered.
    InvalidSignature
        If its signature is not the registered one.
    """
    place = Location.parse(version.artifact)
    body = storage.read(place)
    if body is None:
        raise ArtifactMissing(f"the artifact of model version {version.version_id} is not at {place}")
    artifact = unpack(body, version.sha256)
    if artifact.signature != version.signature:
        raise InvalidSignature(f"{place} has another signature than the registry gives for {version.version_id}")
    return artifact


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)

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
from tasks.errors import ArtifactMissing, InvalidSignature, NoSuchVersion, VersionExists
from tasks.signature import Signature
from tasks.storage import Location, Storage


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
        """
        text = self._read(self._metadata(version_id))
        if text is None:
            raise NoSuchVersion(f"model version {version_id!r} is not registered; registered are {self._known()}")
        return ModelVersion.from_json(text)

    def active(self) -> str:
        """The id of the active version.

        Raises
        ------
        NoSuchVersion
            If none is active.
        """
        version_id = self._read(f"{self._root}/active-version")
        if version_id is None:
            raise NoSuchVersion(f"no model version is active; registered are {self._known()}")
        return version_id

    def activations(self) -> list[str]:
        """The ids that were active one after the other, the newest first, without repetitions in a row.

        Parameter Store keeps the last 100 writes.
        """
        name = f"{self._root}/active-version"
        with named_failures(f"read the history of the parameter {name}"):
            try:
                pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=name)
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
        name = f"{self._root}/active-version"
        with named_failures(f"write the parameter {name}"):
            self._ssm.put_parameter(Name=name, Value=version_id, Type="String", Overwrite=True)

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
                if error_code(error) == "ParameterNotFound":
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

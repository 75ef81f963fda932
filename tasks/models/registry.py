"""The model registry in Parameter Store."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from tasks.aws import client, error_code, named_failures
from tasks.errors import ArtifactMissing, InvalidSignature, NoSuchVersion, VersionExists
from tasks.models.artifact import Artifact, unpack
from tasks.models.version import ModelVersion, RegisteredVersion, read_signature, read_whole
from tasks.records.signature import Signature
from tasks.storage import Location, Storage

#: There is no such parameter, or there can be none: what people write into the active version may be no part of a name
#: (AWS Systems Manager API reference, "GetParameter" and "Common Errors").
_NOT_THERE = {"ParameterNotFound", "ValidationException"}


class Registry:
    """Model versions in Parameter Store: `{root}/active-version` and `{root}/versions/{id}/metadata`.

    Signatures and statistics are in S3 (`tasks.models.version`); they are read only when they are asked for.

    Parameters
    ----------
    root
        Path of the hierarchy, such as `/ml-pipeline/models`.
    ssm
        A botocore client; default: the process's own.
    storage
        Where signatures and statistics are; default: S3 with the process's own client.
    """

    def __init__(self, root: str, ssm: Any = None, storage: Storage | None = None) -> None:
        self._root = root
        self._active = f"{root}/active-version"
        self._ssm = ssm if ssm is not None else client("ssm")
        self._given_storage = storage

    def versions(self) -> list[str]:
        """The ids of all registered versions, sorted."""
        path = f"{self._root}/versions"
        with named_failures(f"list the parameters below {path}"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
            names = [parameter["Name"] for page in pages for parameter in page["Parameters"]]
        return sorted(name.removeprefix(f"{path}/").removesuffix("/metadata") for name in names)

    def get(self, version_id: str) -> RegisteredVersion:
        """What the parameter of a version says.

        Raises
        ------
        NoSuchVersion
            Names the versions that there are.
        InvalidRegistration
            If the parameter is not of the form that `register` writes.
        """
        name = self._metadata(version_id)
        text = self._read(name)
        if text is None:
            raise NoSuchVersion(f"model version {version_id!r} is not registered; registered are {self._known()}")
        return RegisteredVersion.from_json(text, name)

    def is_registered(self, version_id: str) -> bool:
        """Whether there is such a version."""
        return self._read(self._metadata(version_id)) is not None

    def signature(self, version_id: str) -> Signature:
        """The signature of a version.

        Raises
        ------
        NoSuchVersion, InvalidRegistration
            As `get` does.
        ArtifactMissing, ArtifactTampered
            If it is not where the parameter says, or not what was registered.
        """
        return self.signature_of(self.get(version_id))

    def signature_of(self, version: RegisteredVersion) -> Signature:
        """The signature of a version that is at hand. Raises what `signature` does of S3."""
        return read_signature(version, self._storage)

    def whole(self, version_id: str) -> ModelVersion:
        """A version with its signature and its statistics. Raises what `signature` does."""
        return read_whole(self.get(version_id), self._storage)

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

    def active_version(self) -> RegisteredVersion:
        """What is registered of the active version.

        Raises
        ------
        NoSuchVersion
            If none is active, or the parameter names none that is registered; says what it names.
        InvalidRegistration
            As `get`.
        """
        version_id = self.active()
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
        """Add a version. Versions never change; to register the same artifact again only restores what was lost of it.

        Signature and statistics are written first, and nobody takes them for a version before the parameter is there.

        Raises
        ------
        VersionExists
            If the id is taken by another artifact.
        RegistrationTooLarge, InvalidRegistration
            If the parameter cannot hold what is small of the version, or JSON cannot express it; nothing is written.
        """
        registered, documents = version.registration()
        value = registered.to_json()
        for place, body in documents.items():
            self._storage.write(place, body)
        try:
            self._put(registered.version_id, value, overwrite=False)
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            before = self.get(version.version_id)
            if before.sha256 != version.sha256:
                raise VersionExists(
                    f"model version {version.version_id} is registered with another artifact "
                    f"(SHA-256 {before.sha256}, created {before.created_at}); choose another id"
                ) from error

    def complete(self, version_id: str, image: str, *, anew: bool = False) -> RegisteredVersion:
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
        RegistrationTooLarge
            If the parameter has no room for the image's URI.
        """
        version = self.get(version_id)
        if version.image == image or (version.image is not None and not anew):
            return version
        version = replace(version, image=image)
        self._put(version_id, version.to_json(), overwrite=True)
        return version

    @property
    def _storage(self) -> Storage:
        """Made when it is needed: most who ask the registry need no client of S3."""
        return self._given_storage if self._given_storage is not None else Storage()

    def _put(self, version_id: str, value: str, *, overwrite: bool) -> None:
        name = self._metadata(version_id)
        with named_failures(f"write the parameter {name}"):
            self._ssm.put_parameter(Name=name, Value=value, Type="String", Tier="Standard", Overwrite=overwrite)

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


def fetch_artifact(version: RegisteredVersion, storage: Storage) -> Artifact:
    """Download a version's artifact and compare it with the registry.

    Raises
    ------
    ArtifactMissing
        If it, or the registered signature, is not where the registry says.
    ArtifactTampered
        If the bytes of one of them are not those that were registered.
    InvalidSignature
        If its signature is not the registered one.
    """
    place = Location.parse(version.artifact)
    body = storage.read(place)
    if body is None:
        raise ArtifactMissing(f"the artifact of model version {version.version_id} is not at {place}")
    artifact = unpack(body, version.sha256)
    if artifact.signature != read_signature(version, storage):
        raise InvalidSignature(f"{place} has another signature than the registry gives for {version.version_id}")
    return artifact

"""A model version: all of it, and what its parameter says.

A signature grows with the model and its categories, statistics with both, and a parameter holds a few kilobytes. So
the registry keeps these two in S3, and in the parameter where they lie and their checksums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson

from tasks.aws_limits import PARAMETER_STANDARD_VALUE, utf8_bytes
from tasks.errors import ArtifactMissing, ArtifactTampered, InvalidRegistration, RegistrationTooLarge
from tasks.models.artifact import checksum
from tasks.records.signature import Signature
from tasks.storage import Location, Storage

_DIGEST_CHARACTERS = 16


@dataclass(frozen=True)
class ModelVersion:
    """All that is known of a version.

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
        """As `version.json` tells it; `image` only where there is one."""
        return _to_json(asdict(self) | {"signature": self.signature.to_json()})

    @classmethod
    def from_json(cls, text: str) -> ModelVersion:
        """Take over what `to_json` gave."""
        document = orjson.loads(text)
        return cls(**_fields(cls, document) | {"signature": Signature.from_json(document["signature"])})

    def registration(self) -> tuple[RegisteredVersion, Mapping[Location, bytes]]:
        """What its parameter will say, and the objects that this refers to.

        Raises
        ------
        InvalidRegistration
            If JSON cannot express the statistics.
        """
        bucket = Location.parse(self.artifact).bucket
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        objects = {}
        for name, content in (("signature", self.signature.to_json()), ("statistics", self.statistics)):
            body = _encoded(content)
            digest = checksum(body)
            place = Location(bucket, f"{document_prefix(self.version_id, name)}{digest[:_DIGEST_CHARACTERS]}.json")
            known[name] = StoredDocument(str(place), digest)
            objects[place] = body
        return RegisteredVersion(**known), objects


@dataclass(frozen=True)
class StoredDocument:
    """A JSON object in S3 that a parameter refers to; `sha256` (hex) is that of its bytes."""

    uri: str
    sha256: str


@dataclass(frozen=True)
class RegisteredVersion:
    """What the parameter of a version says: a `ModelVersion` with references for what only S3 has room for."""

    version_id: str
    artifact: str
    sha256: str
    created_at: str
    framework: str
    threshold: float
    signature: StoredDocument
    baseline: Mapping[str, float]
    statistics: StoredDocument
    image: str | None = None

    def to_json(self) -> str:
        """The value of the parameter; `image` only where there is one.

        Raises
        ------
        RegistrationTooLarge
            If no parameter of the standard tier can hold it; says what is to be shortened.
        InvalidRegistration
            If JSON cannot express it.
        """
        value = _to_json(asdict(self))
        size = utf8_bytes(value)
        if size > PARAMETER_STANDARD_VALUE.value:
            parts = ((len(orjson.dumps(part)), name) for name, part in orjson.loads(value).items())
            longest = ", ".join(f"{name} {length:,}" for length, name in sorted(parts, reverse=True)[:2])
            raise RegistrationTooLarge(
                f"what is told of model version {self.version_id}, without signature and statistics, takes {size:,} "
                f"bytes, and its parameter holds {PARAMETER_STANDARD_VALUE.value:,}; shorten what is longest: {longest}"
            )
        return value

    @classmethod
    def from_json(cls, text: str, parameter: str) -> RegisteredVersion:
        """Take over what `to_json` gave.

        Raises
        ------
        InvalidRegistration
            If it is not of that form, such as what earlier releases wrote; names the parameter.
        """
        try:
            document = orjson.loads(text)
            if "features" in document["signature"]:
                raise InvalidRegistration(_anew(parameter, "holds the signature itself, as earlier releases wrote it"))
            stored = {name: StoredDocument(**document[name]) for name in ("signature", "statistics")}
            return cls(**_fields(cls, document) | stored)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidRegistration(_anew(parameter, f"is not what registration writes: {error!r}")) from error


def document_prefix(version_id: str, name: str) -> str:
    """How the keys of a version's `signature` or `statistics` begin in the bucket of models; `*` for all versions.

    The keys end with a checksum of the content. So a registration that was interrupted, or lost a race, is in nobody's
    way, and to write a document again is to restore it.
    """
    return f"versions/{version_id}/{name}-"


def read_signature(version: RegisteredVersion, storage: Storage) -> Signature:
    """Read the signature of a registered version.

    Raises
    ------
    ArtifactMissing, ArtifactTampered
        If it is not there, or not what was registered.
    """
    return Signature.from_json(
        _read(version.signature, f"the signature of model version {version.version_id}", storage)
    )


def read_whole(version: RegisteredVersion, storage: Storage) -> ModelVersion:
    """Read signature and statistics of a registered version, too.

    Raises
    ------
    ArtifactMissing, ArtifactTampered
        If one of them is not there, or not what was registered.
    """
    known = {field.name: getattr(version, field.name) for field in fields(version)}
    known["signature"] = read_signature(version, storage)
    known["statistics"] = _read(version.statistics, f"the statistics of model version {version.version_id}", storage)
    return ModelVersion(**known)


def _read(document: StoredDocument, what: str, storage: Storage) -> Any:
    place = Location.parse(document.uri)
    body = storage.read(place)
    if body is None:
        raise ArtifactMissing(f"{what} is not at {place}; to register the same artifact again restores it")
    found = checksum(body)
    if found != document.sha256:
        raise ArtifactTampered(
            f"the SHA-256 of {what} ({place}) is {found}, and {document.sha256} was registered; to register the same "
            "artifact again restores it"
        )
    return orjson.loads(body)


def _fields(kind: type[ModelVersion | RegisteredVersion], document: Mapping[str, Any]) -> dict[str, Any]:
    required = {field.name: document[_camel(field.name)] for field in fields(kind) if field.name != "image"}
    return required | {"image": document.get("image")}


def _to_json(known: Mapping[str, Any]) -> str:
    return _encoded({_camel(name): value for name, value in known.items() if (name, value) != ("image", None)}).decode()


def _encoded(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise InvalidRegistration(f"what is to be registered cannot be written as JSON: {error}") from error


def _anew(parameter: str, what: str) -> str:
    return f"the parameter {parameter} {what}; delete it and register the version again"


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)

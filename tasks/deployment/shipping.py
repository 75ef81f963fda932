"""The first model: from the asset that is shipped with a deployment to a registered version."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from tasks.errors import InvalidShipment, InvalidSignature, NoSuchVersion
from tasks.models.artifact import unpack
from tasks.models.registry import Registry
from tasks.models.verification import try_out
from tasks.models.version import ModelVersion
from tasks.storage import Location, Storage

_ARTIFACT, _VERSION = "model.tar.gz", "version.json"


@dataclass(frozen=True)
class Shipment:
    """What a deployment ships: a version's id, its asset (a zip in S3), and the image that serves it."""

    version_id: str
    asset: Location
    image: str

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Shipment:
        """Take over the properties `Version`, `Bucket`, `Key` and `Image` of a custom resource.

        Raises
        ------
        InvalidShipment
            If one is absent or empty.
        """
        absent = [name for name in ("Version", "Bucket", "Key", "Image") if not properties.get(name)]
        if absent:
            raise InvalidShipment(f"the resource lacks the properties {', '.join(absent)}")
        asset = Location(str(properties["Bucket"]), str(properties["Key"]))
        return cls(str(properties["Version"]), asset, str(properties["Image"]))


def ship(shipment: Shipment, registry: Registry, storage: Storage, models_bucket: str, *, first_time: bool) -> None:
    """Register a shipped version unless it is registered, and activate it if nothing is active.

    What nobody has registered is not active, but where an endpoint serves, the parameter is left to who set it. What is
    registered stays as it is: it may be what the endpoint serves, whatever this deployment was made of.

    Parameters
    ----------
    first_time
        Whether the endpoint is yet to be made. The image is then the shipped one: that of an earlier deployment may
        be why this failed, or be gone from its repository.

    Raises
    ------
    InvalidShipment
        If the asset is not what the deployment says, or the version is registered with an artifact of another
        environment.
    ArtifactTampered, UnsupportedModel, InvalidSignature, GoldenRecordsDiffer
        If the artifact in it is not the one that was trained, or cannot be scored with.
    RegistrationTooLarge, InvalidRegistration
        If the registry cannot keep what is told of it, or keeps the version in a form that it does not have.
    """
    try:
        artifact = registry.complete(shipment.version_id, shipment.image, anew=first_time).artifact
    except NoSuchVersion:
        delivered = _delivered(shipment, storage, models_bucket)
        registry.register(delivered)
        artifact = delivered.artifact
    if Location.parse(artifact).bucket != models_bucket:
        raise InvalidShipment(
            f"version {shipment.version_id} is registered with {artifact}, outside of {models_bucket}: another "
            "environment of this account uses the same registry; give this one another models_root in cdk.json"
        )
    try:
        none_active = first_time and not registry.is_registered(registry.active())
    except NoSuchVersion:
        none_active = True
    if none_active:
        registry.activate(shipment.version_id)


def _delivered(shipment: Shipment, storage: Storage, models_bucket: str) -> ModelVersion:
    """Bring the artifact to the bucket of models. Nobody reads it there before it is registered."""
    body, document = _opened(shipment, storage)
    place = Location(models_bucket, f"versions/{shipment.version_id}/{_ARTIFACT}")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    try:
        fields = {**document, "artifact": str(place), "createdAt": now, "image": shipment.image}
        version = ModelVersion.from_json(orjson.dumps(fields).decode())
    except (KeyError, TypeError, orjson.JSONEncodeError) as error:
        raise InvalidShipment(f"{_VERSION} in {shipment.asset} lacks something: {error!r}") from error
    if version.version_id != shipment.version_id:
        raise InvalidShipment(f"{shipment.asset} holds {version.version_id!r}, not {shipment.version_id!r}")
    artifact = unpack(body, version.sha256)
    if artifact.signature != version.signature:
        raise InvalidSignature(f"the artifact in {shipment.asset} has another signature than {_VERSION} says")
    try_out(artifact, version.version_id)
    storage.write(place, body)
    return version


def _opened(shipment: Shipment, storage: Storage) -> tuple[bytes, Any]:
    packed = storage.read(shipment.asset)
    if packed is None:
        raise InvalidShipment(f"the asset {shipment.asset} is not there; deploy again, so that it is uploaded")
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return archive.read(_ARTIFACT), orjson.loads(archive.read(_VERSION))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InvalidShipment(f"{shipment.asset} is no zip with {_ARTIFACT} and {_VERSION}: {error}") from error

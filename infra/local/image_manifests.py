"""Image manifests as Amazon ECR takes them.

Facts: Amazon ECR API reference, "PutImage" (members and errors); Amazon ECR user guide, "Container image manifest
format support in Amazon ECR"; Distribution's documentation, "Image Manifest Version 2, Schema 2"; OCI image
specification, "Image Manifest" and "Image Index". That a manifest without `mediaType` is refused as "Invalid JSON
syntax" unless the request has it: aws/aws-sdk#193.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA_1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
SCHEMA_2 = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA_2_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

LISTS = frozenset({SCHEMA_2_LIST, OCI_INDEX})
"""Forms that stand for several images, one for each platform, or for one with its attestations."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class InvalidManifestError(ValueError):
    """A manifest that ECR does not take; the message is ECR's."""

    def __init__(self) -> None:
        super().__init__("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")


@dataclass(frozen=True)
class Manifest:
    """A manifest that ECR takes.

    Attributes
    ----------
    media_type
        Its form.
    images
        Digests of the manifests that a list or an index names.
    """

    media_type: str
    images: tuple[str, ...] = ()


def read_manifest(text: str, media_type: str | None) -> Manifest:
    """Read a manifest.

    Parameters
    ----------
    text
        As it was pushed.
    media_type
        What the request calls it, if it does.

    Raises
    ------
    InvalidManifestError
        If it is no manifest of a form that ECR knows, or of another one than the request says.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidManifestError from error
    if not isinstance(document, dict):
        raise InvalidManifestError
    own = document.get("mediaType")
    form = own or media_type
    if own is not None and media_type is not None and own != media_type:
        raise InvalidManifestError
    if form in (SCHEMA_1, SCHEMA_1_SIGNED):
        _require(document.get("schemaVersion") == 1 and isinstance(document.get("fsLayers"), list))
        return Manifest(form)
    _require(document.get("schemaVersion") == 2)
    if form in LISTS:
        return Manifest(str(form), _digests(document.get("manifests")))
    _require(form in (SCHEMA_2, OCI_MANIFEST))
    _digests([document.get("config")])
    _digests(document.get("layers"))
    return Manifest(str(form))


def _digests(descriptors: Any) -> tuple[str, ...]:
    """Return what descriptors name (OCI image specification, "OCI Content Descriptors")."""
    _require(isinstance(descriptors, list))
    for descriptor in descriptors:
        _require(isinstance(descriptor, dict))
        size = descriptor.get("size")
        _require(isinstance(descriptor.get("mediaType"), str))
        _require(isinstance(size, int) and not isinstance(size, bool) and size >= 0)
        _require(isinstance(descriptor.get("digest"), str) and _DIGEST.fullmatch(descriptor["digest"]) is not None)
    return tuple(descriptor["digest"] for descriptor in descriptors)


def _require(condition: bool) -> None:
    if not condition:
        raise InvalidManifestError

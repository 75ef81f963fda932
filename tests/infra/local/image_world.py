"""Image manifests as engines write them."""

import hashlib
import json
from typing import Any

from infra.local.image_manifests import OCI_INDEX, OCI_MANIFEST, SCHEMA_2, SCHEMA_2_LIST

TYPES = {
    SCHEMA_2: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    OCI_MANIFEST: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
}


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def manifest(form: str = SCHEMA_2, of: str = "an image", **members: Any) -> str:
    """Write the manifest of one image; `members` replace its own."""
    config, layer = TYPES[form]
    written = {
        "schemaVersion": 2,
        "mediaType": form,
        "config": {"mediaType": config, "size": 7, "digest": digest(f"config of {of}")},
        "layers": [{"mediaType": layer, "size": 32, "digest": digest(f"layer of {of}")}],
        **members,
    }
    return json.dumps(written)


def index(*manifests: str, form: str = OCI_INDEX) -> str:
    """Write an index, or a list of Docker's, of images that are there already."""
    parts = [
        {
            "mediaType": SCHEMA_2 if form == SCHEMA_2_LIST else OCI_MANIFEST,
            "size": len(part),
            "digest": digest(part),
            "platform": {"os": "linux", "architecture": "amd64"},
        }
        for part in manifests
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": form, "manifests": parts})

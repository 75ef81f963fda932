"""The artifact of a model version: one archive with the trees, the signature and golden records."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tasks.errors import ArtifactTampered, UnsupportedModel
from tasks.signature import Signature

_MODEL, _SIGNATURE, _GOLDEN = "model.txt", "signature.json", "golden.json"


@dataclass(frozen=True)
class Artifact:
    """What a scorer needs, and records with the scores that they must get (0 to 1)."""

    model_text: str
    signature: Signature
    golden: Sequence[Mapping[str, Any]]


def pack(artifact: Artifact) -> bytes:
    """The artifact as `model.tar.gz`; the same artifact always gives the same bytes."""
    files = {
        _MODEL: artifact.model_text.encode(),
        _SIGNATURE: orjson.dumps(artifact.signature.to_json(), option=orjson.OPT_INDENT_2),
        _GOLDEN: orjson.dumps(list(artifact.golden), option=orjson.OPT_INDENT_2),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)  # its owner is 0 and its time 1970 unless set
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def unpack(body: bytes, sha256: str) -> Artifact:
    """Open an archive after comparing its checksum.

    Raises
    ------
    ArtifactTampered
        If the bytes are not those that were registered.
    UnsupportedModel
        If they are, but are no archive of ours.
    """
    found = checksum(body)
    if found != sha256:
        raise ArtifactTampered(f"the artifact's SHA-256 is {found}, and {sha256} was registered")
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
            content = {name: _member(tar, name) for name in (_MODEL, _SIGNATURE, _GOLDEN)}
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise UnsupportedModel(
            f"the artifact is no archive with {_MODEL}, {_SIGNATURE} and {_GOLDEN}: {error}"
        ) from error
    return Artifact(
        content[_MODEL].decode(),
        Signature.from_json(orjson.loads(content[_SIGNATURE])),
        orjson.loads(content[_GOLDEN]),
    )


def checksum(body: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()

"""A shard: the piece of one object that one worker scores, as a line of the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import orjson

from tasks.errors import UnsupportedObject
from tasks.storage import Location

Lane = Literal["small", "large"]
Format = Literal["parquet", "csv", "jsonl"]

LANES: tuple[Lane, Lane] = ("small", "large")
_FORMATS: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True)
class Shard:
    """One line of the manifest.

    `row_groups` is the half-open range [first, last) of a Parquet object's row groups, None for a whole object;
    `first_row` is the 1-based row of the object with which the shard begins; `rows` is None where only reading
    tells, and `about_rows` an estimate then, 0 if there is none; `bytes` are those of the whole object.
    """

    shard_id: str
    lane: Lane
    bucket: str
    key: str
    etag: str
    format: Format
    compression: Literal["gzip"] | None
    row_groups: tuple[int, int] | None
    first_row: int
    rows: int | None
    bytes: int
    about_rows: int = 0

    @property
    def source(self) -> Location:
        """The object."""
        return Location(self.bucket, self.key)

    @property
    def name(self) -> str:
        """How to speak of the shard: the object, and the row groups where it is a part of one."""
        part = "" if self.row_groups is None else f" row groups {self.row_groups[0]} to {self.row_groups[1] - 1}"
        return f"{self.source}{part}"

    def to_json(self) -> dict[str, Any]:
        """The manifest's form (camelCase keys)."""
        document = asdict(self)
        groups = None if self.row_groups is None else list(self.row_groups)
        return {"shardId": document.pop("shard_id")} | {
            {"row_groups": "rowGroups", "first_row": "firstRow", "about_rows": "aboutRows"}.get(key, key): value
            for key, value in (document | {"row_groups": groups}).items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Shard:
        """Take over what `to_json` gave."""
        groups = document["rowGroups"]
        return cls(
            shard_id=document["shardId"],
            lane=document["lane"],
            bucket=document["bucket"],
            key=document["key"],
            etag=document["etag"],
            format=document["format"],
            compression=document["compression"],
            row_groups=None if groups is None else (groups[0], groups[1]),
            first_row=document["firstRow"],
            rows=document["rows"],
            bytes=document["bytes"],
            about_rows=document["aboutRows"],
        )

    def with_id(self, number: int) -> Shard:
        """The same piece under the id of this number."""
        return replace(self, shard_id=f"{number:05d}")

    def digest(self, model_version: str) -> str:
        """SHA-256 (hex) of what decides the shard's results: the rows and the model."""
        decisive = (self.shard_id, self.bucket, self.key, self.etag, self.row_groups, self.first_row, model_version)
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def format_of(key: str) -> tuple[Format, Literal["gzip"] | None]:
    """Format and outer compression of an object, by its name.

    Raises
    ------
    UnsupportedObject
        Names the object and the allowed endings.
    """
    name = key.lower()
    compression: Literal["gzip"] | None = None
    if name.endswith(".gz") and not name.endswith(".parquet.gz"):
        name, compression = name.removesuffix(".gz"), "gzip"
    for ending, kind in _FORMATS.items():
        if name.endswith(ending):
            return kind, compression
    raise UnsupportedObject(
        f"{key} cannot be scored: its name must end in .parquet, .csv, .csv.gz, .jsonl, .jsonl.gz, .ndjson or "
        ".ndjson.gz (names that begin with _ or . are left out)"
    )


def has_format(key: str) -> bool:
    """Whether an object's name is of a format that can be scored."""
    try:
        format_of(key)
    except UnsupportedObject:
        return False
    return True


def to_manifest(shards: Iterable[Shard]) -> bytes:
    """The shards as JSON Lines."""
    return b"".join(orjson.dumps(shard.to_json(), option=orjson.OPT_APPEND_NEWLINE) for shard in shards)


def from_manifest(body: bytes) -> list[Shard]:
    """Take over what `to_manifest` gave."""
    return [Shard.from_json(orjson.loads(line)) for line in body.splitlines()]

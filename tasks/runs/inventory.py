"""From an S3 prefix to the objects below it, and to the shards of each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tasks.errors import AccessRefused, NoInputFound, UnreadableObject
from tasks.reading.parquet_footer import read_footer
from tasks.reading.shards import Lane, Shard, format_of, has_format
from tasks.runs.request import RunRequest
from tasks.storage import LOOKS_AT_ONCE, Location, Storage, StoredObject

#: Bytes at the start of a text object from which its number of rows is estimated.
_SAMPLE_BYTES = 64 << 10


def objects_below(uri: str, storage: Storage) -> list[StoredObject]:
    """All that may be scored below a prefix, in key order.

    Folder markers and names that begin with `_` or `.` (in any folder below the prefix) are left out, as
    Athena and Spark do, and empty objects in no format that can be scored, which other tools leave as markers.

    Raises
    ------
    NoInputFound
        If the bucket does not exist or may not be read.
    """
    prefix = Location.parse(uri)
    try:
        return [stored for stored in storage.list(prefix) if _is_data(stored, prefix.key)]
    except AccessRefused as refused:
        # S3 does not tell a stranger whether a bucket exists.
        raise NoInputFound(
            f"{prefix} cannot be listed: bucket {prefix.bucket} does not exist, or this pipeline may not read it. "
            f"Put the input into the data bucket, or grant its roles the bucket. ({refused})"
        ) from refused


def take_inventory(objects: Sequence[StoredObject], request: RunRequest, storage: Storage) -> list[Shard]:
    """The shards of these objects of the request's bucket, in their order and numbered from 0.

    Raises
    ------
    UnsupportedObject
        If an object is in no format that can be scored.
    """
    for stored in objects:
        format_of(stored.key)
    bucket = Location.parse(request.input).bucket
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        pieces = pool.map(lambda stored: shards_of(stored, bucket, request, storage), objects)
        return [shard.with_id(number) for number, shard in enumerate(shard for of in pieces for shard in of)]


def shards_of(stored: StoredObject, bucket: str, request: RunRequest, storage: Storage) -> list[Shard]:
    """The shards of one object, without ids.

    A Parquet object of more than `request.shard_rows` rows is cut at row groups; every other object is one shard.
    An unreadable Parquet object is a shard too: it fails when it is scored, so that the run's tolerance applies.
    """
    kind, compression = format_of(stored.key)
    whole = Shard("", "small", bucket, stored.key, stored.etag, kind, compression, None, 1, None, stored.size)
    if stored.size == 0:
        return [_sized(whole, 0, request, rows=0)]
    if kind != "parquet":
        sample = storage.read_range(whole.source, stored.etag, 0, min(_SAMPLE_BYTES, stored.size))
        rows = estimated_rows(sample, stored.size, gzipped=compression == "gzip")
        return [_sized(whole, rows, request)]
    try:
        footer = read_footer(whole.source, stored.etag, stored.size, storage)
    except UnreadableObject:
        return [_sized(whole, 0, request)]
    sizes = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    if footer.num_rows <= request.shard_rows or len(sizes) < 2:
        return [_sized(whole, footer.num_rows, request, rows=footer.num_rows)]
    return [
        _sized(
            replace(whole, row_groups=(first, last), first_row=1 + sum(sizes[:first])),
            sum(sizes[first:last]),
            request,
            rows=sum(sizes[first:last]),
        )
        for first, last in cut(sizes, request.shard_rows)
    ]


def cut(sizes: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut row groups of these sizes into runs [first, last) of at most `most` rows, or of one row group."""
    first, rows = 0, 0
    for number, size in enumerate(sizes):
        if rows and rows + size > most:
            yield first, number
            first, rows = number, 0
        rows += size
    yield first, len(sizes)


def estimated_rows(sample: bytes, size: int, *, gzipped: bool) -> int:
    """About how many lines a text object of `size` bytes has, judged by its first bytes."""
    text = sample
    if gzipped:
        try:
            text = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(sample)
        except zlib.error:
            return 0
    return max(1, text.count(b"\n")) * size // len(sample)


def _is_data(stored: StoredObject, prefix: str) -> bool:
    below = stored.key[prefix.rfind("/") + 1 :].split("/")
    if stored.key.endswith("/") or any(name.startswith(("_", ".")) for name in below):
        return False
    return stored.size > 0 or has_format(stored.key)


def _sized(shard: Shard, about_rows: int, request: RunRequest, rows: int | None = None) -> Shard:
    return replace(shard, rows=rows, about_rows=about_rows, lane=_lane(about_rows, request))


def _lane(rows: int, request: RunRequest) -> Lane:
    """Functions have numpy alone, which evaluates LightGBM's trees and no other model."""
    by_function = request.scorer == "auto" and request.framework == "lightgbm"
    return "small" if by_function and rows <= request.small_shard_rows else "large"

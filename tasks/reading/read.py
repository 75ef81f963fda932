"""A shard to rows, whatever its format, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.reading.csv_rows import read_csv
from tasks.reading.json_lines import read_json_lines
from tasks.reading.lines import gunzip
from tasks.reading.parquet_rows import read_parquet
from tasks.reading.shards import Shard
from tasks.records.rows import Rows
from tasks.records.signature import Signature
from tasks.storage import Storage


def read_rows(shard: Shard, signature: Signature, storage: Storage, scratch: Path) -> Iterator[Rows]:
    """Read a shard, some thousand rows at a time.

    Parameters
    ----------
    scratch
        A local directory with room for the bytes of a Parquet shard.

    Raises
    ------
    InputChanged
        If the object is gone or was replaced since it was planned.
    UnreadableObject
        If it is not of the format that its name says.
    """
    if shard.bytes == 0:
        return iter(())
    if shard.format == "parquet":
        return read_parquet(shard, signature, storage, scratch)
    pieces = storage.stream(shard.source, shard.etag)
    if shard.compression == "gzip":
        pieces = gunzip(pieces)
    return (read_csv if shard.format == "csv" else read_json_lines)(pieces, signature)

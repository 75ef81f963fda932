"""Rows of Parquet files, and Zstandard: what needs PyArrow, which is heavy and only loaded where it is used.

Facts: Step Functions developer guide, "ItemReader (Map)", tab "Parquet file": how large a row group and the footer may
be. How Step Functions writes dates, decimals and bytes in JSON is not documented: here they are ISO 8601, the
decimal's digits, and UTF-8 or else Base64, all as text.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from workflows.interpreter.interfaces import Json

MAX_ROW_GROUP_BYTES = 256 * 1024 * 1024
MAX_FOOTER_BYTES = 5 * 1024 * 1024


class UnreadableItems(ValueError):
    """The object does not hold what the reader's configuration says."""


def rows_in(body: bytes) -> Iterator[Json]:
    """Give the rows of a Parquet file as JSON objects.

    Raises
    ------
    UnreadableItems
        If it is no Parquet file, larger than Step Functions reads, or has a value that JSON has no form for.
    """
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(arrow.BufferReader(body))
        _check_sizes(file.metadata)
        for batch in file.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                yield _as_json(row)
    except (arrow.ArrowException, OSError) as problem:
        raise UnreadableItems(f"The object is not a valid Parquet file: {problem}") from problem


def decompressed(body: bytes, codec: str) -> bytes:
    """Decompress what the standard library cannot. Raises `OSError` on damaged data."""
    import pyarrow as arrow

    try:
        data: bytes = arrow.CompressedInputStream(arrow.BufferReader(body), codec).read()
    except arrow.ArrowException as problem:
        raise OSError(str(problem)) from problem
    return data


def _check_sizes(metadata: Any) -> None:
    if metadata.serialized_size > MAX_FOOTER_BYTES:
        raise UnreadableItems(f"The footer of the Parquet file has more than {MAX_FOOTER_BYTES} bytes.")
    for index in range(metadata.num_row_groups):
        if metadata.row_group(index).total_byte_size > MAX_ROW_GROUP_BYTES:
            raise UnreadableItems(f"Row group {index} of the Parquet file has more than {MAX_ROW_GROUP_BYTES} bytes.")


def _as_json(value: Any) -> Json:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnreadableItems(f"The Parquet file holds {value}, which JSON has no number for.")
        return value
    if isinstance(value, dict):
        return {str(key): _as_json(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(element) for element in value]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    raise UnreadableItems(f"The Parquet file holds a value of type {type(value).__name__}, which JSON has no form for.")

"""Parquet to rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import UnreadableObject
from tasks.reading.parquet_footer import byte_range, read_footer
from tasks.reading.shards import Shard
from tasks.records.rows import Rows
from tasks.records.signature import Signature
from tasks.storage import Storage

#: Rows of a batch: enough that the cost per batch does not show, few enough to stay in the processor's cache.
BATCH_ROWS = 16_384
#: Read-ahead of each column. Without it Arrow would load whole column chunks, as large as the writer made them.
_BUFFER_BYTES = 256 << 10


def read_parquet(shard: Shard, signature: Signature, storage: Storage, scratch: Path) -> Iterator[Rows]:
    """Read the shard's row groups, and of them only the columns that the model reads.

    The bytes of these row groups come in one download to the same offsets of a sparse local file: Arrow reads its
    columns side by side, and over the network each would need requests of its own.

    Raises
    ------
    UnreadableObject
        If the object is no Parquet file or is damaged.
    """
    footer = read_footer(shard.source, shard.etag, shard.bytes, storage)
    first, last = shard.row_groups or (0, footer.num_row_groups)
    if first == last:
        return
    start, end = byte_range(footer, first, last)
    local = scratch / "shard.parquet"
    with local.open("wb") as file:
        file.seek(start)
        for piece in storage.stream(shard.source, shard.etag, start, end):
            file.write(piece)
    try:
        yield from _batches(local, footer, range(first, last), shard.first_row, signature)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableObject(f"{shard.name} is damaged: {error}") from error
    finally:
        local.unlink()


def _batches(
    local: Path, footer: pq.FileMetaData, groups: range, first_row: int, signature: Signature
) -> Iterator[Rows]:
    plain = {footer.schema.column(place).path for place in range(len(footer.schema))}
    texts = [feature.name for feature in signature.features if feature.kind == "category" and feature.name in plain]
    columns = footer.schema.to_arrow_schema().names
    wanted = [name for name in dict.fromkeys(columns) if name in signature.names] or columns[:1]
    with pq.ParquetFile(
        local, metadata=footer, read_dictionary=texts, pre_buffer=False, buffer_size=_BUFFER_BYTES
    ) as file:
        read = first_row
        for batch in file.iter_batches(BATCH_ROWS, list(groups), wanted, use_threads=False):
            yield Rows(np.arange(read, read + batch.num_rows), batch)
            read += batch.num_rows

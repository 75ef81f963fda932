"""What the footer of a Parquet object tells, without reading its data."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import UnreadableObject
from tasks.storage import Location, Storage

#: Bytes fetched at first; the footers of all but very wide or very long objects fit.
_TAIL_BYTES = 64 << 10
#: Length of the metadata (4 bytes, little endian) and the magic at the end (Apache Parquet, "File format").
_TRAILER_BYTES = 8


def read_footer(source: Location, etag: str, size: int, storage: Storage) -> pq.FileMetaData:
    """The metadata of a Parquet object, by one or two ranged reads.

    Parameters
    ----------
    size
        Size of the object in bytes.

    Raises
    ------
    UnreadableObject
        If it is no Parquet object, or its end is missing.
    InputChanged
        If the object is gone or has another etag.
    """
    tail = storage.read_range(source, etag, max(0, size - _TAIL_BYTES), size)
    needed = int.from_bytes(tail[-_TRAILER_BYTES:-4], "little") + _TRAILER_BYTES
    if tail[-4:] != b"PAR1" or needed > size:
        raise UnreadableObject(f"{source} is not a Parquet file, or its end is missing")
    if needed > len(tail):
        tail = storage.read_range(source, etag, size - needed, size)
    try:
        return pq.read_metadata(pa.BufferReader(tail))
    except (pa.ArrowException, OSError) as error:
        raise UnreadableObject(f"{source} is not a readable Parquet file: {error}") from error


def byte_range(footer: pq.FileMetaData, first: int, last: int) -> tuple[int, int]:
    """The bytes [start, end) of an object that hold its row groups `first` up to, not including, `last` (> first)."""
    starts, ends = [], []
    for group in (footer.row_group(number) for number in range(first, last)):
        for column in (group.column(number) for number in range(group.num_columns)):
            start = column.data_page_offset
            if column.has_dictionary_page:
                start = min(start, column.dictionary_page_offset)
            starts.append(start)
            ends.append(start + column.total_compressed_size)
    return min(starts), max(ends)

"""Parquet schemas as Hive columns."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.local.crawler.layout import CrawlError

Columns = list[dict[str, str]]
"""``Name`` and ``Type`` of each column, as Glue's ``StorageDescriptor.Columns``."""

_SIMPLE = {
    "bool": "boolean",
    "int8": "tinyint",
    "uint8": "smallint",
    "int16": "smallint",
    "uint16": "int",
    "int32": "int",
    "uint32": "bigint",
    "int64": "bigint",
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "binary": "binary",
    "large_binary": "binary",
    "date32[day]": "date",
}


class S3File(io.RawIOBase):
    """An S3 object as a seekable file that fetches only what is read, such as a Parquet footer."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        super().__init__()
        self._s3, self._bucket, self._key = s3, bucket, key
        self._size = int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
        self._position = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset from the start, the position or the end."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fetch as many bytes as the buffer holds and the object has."""
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        wanted = f"bytes={self._position}-{end - 1}"
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=self._key, Range=wanted)["Body"].read()
        buffer[: len(body)] = body
        self._position += len(body)
        return len(body)


def columns_of(s3: Any, bucket: str, key: str) -> Columns:
    """Read the columns of a Parquet object from its footer.

    Raises
    ------
    CrawlError
        If the object is no Parquet file or has a column of a type without a Hive counterpart.
    """
    try:
        schema = pq.read_schema(io.BufferedReader(S3File(s3, bucket, key), 1 << 16))
    except (pa.ArrowInvalid, OSError) as error:
        raise CrawlError(f"s3://{bucket}/{key} cannot be read as Parquet: {error}") from error
    return [{"Name": field.name.lower(), "Type": hive_type(field.type)} for field in schema]


def hive_type(arrow: pa.DataType) -> str:
    """Return the Hive type of an Arrow type, as AWS's crawlers name it.

    Raises
    ------
    CrawlError
        If there is none.
    """
    if pa.types.is_dictionary(arrow):
        return hive_type(arrow.value_type)
    if pa.types.is_timestamp(arrow):
        return "timestamp"
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        return f"array<{hive_type(arrow.value_type)}>"
    if pa.types.is_map(arrow):
        return f"map<{hive_type(arrow.key_type)},{hive_type(arrow.item_type)}>"
    if pa.types.is_struct(arrow):
        return f"struct<{','.join(f'{field.name}:{hive_type(field.type)}' for field in arrow)}>"
    if str(arrow) not in _SIMPLE:
        raise CrawlError(f"columns of type {arrow} have no counterpart in Hive.")
    return _SIMPLE[str(arrow)]

"""What objects below a prefix look like as a table: its name, its partition keys and its partitions."""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote


class CrawlError(Exception):
    """The crawl fails; the message becomes the crawler's ``LastCrawl.ErrorMessage``."""


@dataclass(frozen=True)
class Partition:
    """Objects of one combination of partition values.

    Attributes
    ----------
    values
        In the order of the table's partition keys.
    location
        ``s3://bucket/prefix/`` of the objects.
    first_key
        An object of it, from which the schema is read.
    """

    values: tuple[str, ...]
    location: str
    first_key: str


@dataclass(frozen=True)
class TableLayout:
    """A table as its objects' keys tell it.

    Attributes
    ----------
    name
        Last folder of the target's prefix, or the bucket.
    location
        ``s3://bucket/prefix/``.
    partition_keys
        Names left of ``=`` in the folders, outermost first.
    partitions
        Sorted by their values. A table without partition keys has one, with no values.
    """

    name: str
    bucket: str
    location: str
    partition_keys: tuple[str, ...]
    partitions: tuple[Partition, ...]


def target_of(path: str) -> tuple[str, str]:
    """Split a crawler's S3 path into bucket and prefix; the prefix is empty or ends with ``/``.

    Raises
    ------
    CrawlError
        If it is no S3 path.
    """
    scheme, _, rest = path.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme not in ("s3", "s3a") or not bucket:
        raise CrawlError(f"{path} is not an S3 path (s3://bucket/prefix/).")
    return bucket, prefix if not prefix or prefix.endswith("/") else prefix + "/"


def table_layout(bucket: str, prefix: str, keys: Iterable[str], exclusions: Sequence[str] = ()) -> TableLayout | None:
    """Read the table off its objects' keys.

    Parameters
    ----------
    keys
        All below `prefix`. Names that start with ``_`` or ``.`` are no data (markers, metadata), and neither are
        keys that end with ``/``.
    exclusions
        Glob patterns relative to the prefix, as in a crawler's S3 target.

    Returns
    -------
    The layout, or ``None`` if there are no data objects.

    Raises
    ------
    CrawlError
        If an object is not Parquet, or objects do not lie in the same ``name=value`` folders.
    """
    partitions: dict[tuple[str, ...], Partition] = {}
    names: tuple[str, ...] | None = None
    for key in sorted(keys):
        relative = key[len(prefix) :]
        *folders, file = relative.split("/")
        if not file or file[0] in "_." or any(fnmatch.fnmatchcase(relative, pattern) for pattern in exclusions):
            continue
        if not file.endswith(".parquet"):
            raise CrawlError(f"s3://{bucket}/{key} is not a Parquet object (*.parquet); only Parquet is crawled here.")
        pairs = [folder.partition("=") for folder in folders]
        if any(not separator or not name for name, separator, _ in pairs):
            raise CrawlError(f"s3://{bucket}/{key} does not lie in name=value folders below s3://{bucket}/{prefix}.")
        found = tuple(name.lower() for name, _, _ in pairs)
        if names is not None and found != names:
            raise CrawlError(f"s3://{bucket}/{key} is partitioned by {list(found)}, others are by {list(names)}.")
        names = found
        values = tuple(unquote(value) for _, _, value in pairs)
        location = f"s3://{bucket}/{key[: len(key) - len(file)]}"
        partitions.setdefault(values, Partition(values, location, key))
    if names is None:
        return None
    return TableLayout(
        name=(prefix.rstrip("/").rpartition("/")[2] or bucket).replace("-", "_").lower(),
        bucket=bucket,
        location=f"s3://{bucket}/{prefix}",
        partition_keys=names,
        partitions=tuple(partitions[values] for values in sorted(partitions)),
    )

"""One crawl: lists the targets, reads Parquet footers and updates the Data Catalog, with the crawler's own role."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from infra.local.crawler.layout import CrawlError, Partition, TableLayout, table_layout, target_of
from infra.local.crawler.schema import Columns, columns_of

PARTITIONS_A_CALL = 100
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


def crawl(crawler: Mapping[str, Any], s3: Any, glue: Any, say: Callable[[str], None], stop: Callable[[], bool]) -> None:
    """Catalog everything that the crawler's targets hold; running it again changes nothing.

    Parameters
    ----------
    crawler
        As ``GetCrawler`` returns it.
    s3, glue
        Clients that act as the crawler's role.
    say
        Receives a line for the log at each step.
    stop
        Whether the crawl shall end early; asked between steps.

    Raises
    ------
    CrawlError
        Saying what cannot be crawled, or what the role may not do.
    """
    others = sorted(kind for kind, targets in crawler["Targets"].items() if targets and kind != "S3Targets")
    if others:
        raise CrawlError(f"{', '.join(others)} of crawler {crawler['Name']} are not crawled here, only S3Targets.")
    try:
        for target in crawler["Targets"].get("S3Targets", []):
            bucket, prefix = target_of(target["Path"])
            layout = table_layout(bucket, prefix, _keys(s3, bucket, prefix), target.get("Exclusions", []))
            if layout is None:
                say(f"no data objects below {target['Path']}")
            elif not stop():
                _catalog(crawler, layout, s3, glue, say, stop)
    except ClientError as error:
        raise CrawlError(str(error)) from error


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", []))


def _catalog(
    crawler: Mapping[str, Any],
    layout: TableLayout,
    s3: Any,
    glue: Any,
    say: Callable[[str], None],
    stop: Callable[[], bool],
) -> None:
    names = {"DatabaseName": crawler["DatabaseName"]}
    table_name = crawler.get("TablePrefix", "") + layout.name
    known = _table(glue, names, table_name)
    existing = {} if known is None else _partitions(glue, names, table_name)
    new = [partition for partition in layout.partitions if partition.values not in existing]
    columns = _columns(s3, layout, new, known)
    table = _table_input(table_name, crawler["Name"], layout, columns)
    if known is None:
        glue.create_table(**names, TableInput=table)
        say(f"created table {table_name}")
    elif _differs(known, table):
        glue.update_table(**names, TableInput=table)
        say(f"updated table {table_name}")
    if not layout.partition_keys:
        return
    for first in range(0, len(new), PARTITIONS_A_CALL):
        if stop():
            return
        batch = [_partition_input(partition, columns) for partition in new[first : first + PARTITIONS_A_CALL]]
        failed = glue.batch_create_partition(**names, TableName=table_name, PartitionInputList=batch)
        if failed.get("Errors"):
            raise CrawlError(f"partitions of {table_name} were refused: {failed['Errors']}")
    say(f"added {len(new)} partitions to {table_name}, {len(existing)} were there")


def _columns(s3: Any, layout: TableLayout, new: Sequence[Partition], known: Mapping[str, Any] | None) -> Columns:
    """Return the table's columns; every partition must have them, or the catalog would lie about some."""
    columns: Columns | None = known["StorageDescriptor"]["Columns"] if known else None
    for partition in new if layout.partition_keys else layout.partitions:
        found = columns_of(s3, layout.bucket, partition.first_key)
        if columns is not None and found != columns:
            raise CrawlError(
                f"s3://{layout.bucket}/{partition.first_key} has the columns {found}, the table {layout.name} has "
                f"{columns}; tables whose partitions differ are not crawled here."
            )
        columns = found
    return columns or []


def _table(glue: Any, names: Mapping[str, str], table: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = glue.get_table(**names, Name=table)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return None
    return found


def _partitions(glue: Any, names: Mapping[str, str], table: str) -> dict[tuple[str, ...], Any]:
    pages = glue.get_paginator("get_partitions").paginate(**names, TableName=table)
    return {tuple(partition["Values"]): partition for page in pages for partition in page["Partitions"]}


def _table_input(name: str, crawler: str, layout: TableLayout, columns: Columns) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in layout.partition_keys],
        "StorageDescriptor": {**PARQUET, "Columns": columns, "Location": layout.location},
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", "UPDATED_BY_CRAWLER": crawler},
    }


def _partition_input(partition: Partition, columns: Columns) -> dict[str, Any]:
    return {
        "Values": list(partition.values),
        "StorageDescriptor": {**PARQUET, "Columns": columns, "Location": partition.location},
        "Parameters": {"classification": "parquet"},
    }


def _differs(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    def essence(table: Mapping[str, Any]) -> Any:
        storage = table["StorageDescriptor"]
        return table.get("PartitionKeys", []), storage["Columns"], storage["Location"]

    return bool(essence(known) != essence(wanted))

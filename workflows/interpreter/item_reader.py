"""The ItemReader of a distributed Map: items from objects in S3.

Facts: Step Functions developer guide, "ItemReader (Map)".
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from workflows.interpreter import data_flow, templates
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.s3_requests import GET_OBJECT, ask, require
from workflows.interpreter.visit import Visit

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
"""The values of CSVDelimiter."""


class UnreadableItems(ValueError):
    """The object does not hold what the reader's configuration says."""


def most_items(visit: Visit, document: Json) -> int | None:
    """Tell how many items the state's ItemReader shall read at most, as it is stated; None if it states nothing.

    Raises
    ------
    StatesError
        ``States.Runtime`` when MaxItemsPath leads to anything but an integer.
    """
    reader: Mapping[str, Any] = visit.state.get("ItemReader", {})
    return data_flow.integer(reader.get("ReaderConfig", {}), "MaxItems", visit, document)


async def read_items(visit: Visit, document: Json, most: int | None) -> tuple[list[Json], str]:
    """Read the items that the state's ItemReader names.

    Parameters
    ----------
    most
        How many items to read at most, as `most_items` tells it; None and 0 are for all.

    Returns
    -------
    The items, and where they come from as `$$.Map.Item.Source` tells it.

    Raises
    ------
    StatesError
        ``States.ItemReaderFailed`` when the object cannot be read or understood; ``States.Runtime`` when the
        reader's own fields cannot be evaluated.
    """
    reader: Mapping[str, Any] = visit.state["ItemReader"]
    listing = reader["Resource"].endswith(":listObjectsV2")
    config: dict[str, Any] = dict(reader.get("ReaderConfig", {}))
    with visit.locating():
        arguments = templates.fill(reader.get("Parameters", {}), document, visit.context, field="ItemReader")
        require(arguments, "Bucket" if listing else "Bucket Key")
    if most is not None and most < 0:
        raise StatesError("States.ItemReaderFailed", "field MaxItems must be positive")
    limit = most or None
    try:
        if listing:
            return await _list_objects(visit, reader["Resource"], arguments, limit), f"S3://{arguments['Bucket']}"
        body = await _get_object(visit, arguments)
        if config.get("InputType") == "MANIFEST":
            items = await _inventory(visit, arguments, body, limit)
        else:
            items = _items_in(body, config, limit)
    except UnreadableItems as problem:
        raise StatesError("States.ItemReaderFailed", str(problem)) from problem
    except StatesError as failure:
        raise StatesError("States.ItemReaderFailed", failure.cause or failure.error) from failure
    return items, f"S3://{arguments['Bucket']}/{arguments['Key']}"


async def _get_object(visit: Visit, arguments: Json) -> bytes:
    answer = await ask(visit, GET_OBJECT, arguments)
    body: str | bytes = answer["Body"]
    return body.encode() if isinstance(body, str) else body


async def _list_objects(visit: Visit, resource: str, arguments: dict[str, Json], limit: int | None) -> list[Json]:
    items: list[Json] = []
    page: dict[str, Json] = {"NextContinuationToken": None}
    while "NextContinuationToken" in page and (limit is None or len(items) < limit):
        token = page["NextContinuationToken"]
        page = await ask(visit, resource, arguments if token is None else {**arguments, "ContinuationToken": token})
        items.extend(_listed_object(entry) for entry in page.get("Contents", ()))
    return items[:limit]


def _listed_object(entry: Mapping[str, Any]) -> Json:
    changed = entry.get("LastModified")
    return {
        "Etag": entry.get("ETag"),
        "Key": entry["Key"],
        "LastModified": changed.timestamp() if isinstance(changed, datetime) else changed,
        "Size": entry.get("Size"),
        "StorageClass": entry.get("StorageClass", "STANDARD"),
    }


def _items_in(body: bytes, config: Mapping[str, Any], limit: int | None) -> list[Json]:
    readers = {"JSON": _json_items, "JSONL": _json_lines, "CSV": _csv_rows, "PARQUET": _parquet_rows}
    kind = config.get("InputType", "")
    if kind not in readers:
        raise UnreadableItems(f"The InputType {kind} of the ItemReader is not supported.")
    try:
        return list(islice(readers[kind](body, config), limit))
    except (UnicodeDecodeError, EOFError, OSError, csv.Error) as problem:
        raise UnreadableItems(f"The object is not valid {kind}: {problem}") from problem


def _json_items(body: bytes, config: Mapping[str, Any]) -> Iterator[Json]:
    pointer: str = config.get("ItemsPointer", "")
    try:
        document = json.loads(body)
    except ValueError as problem:
        raise UnreadableItems(f"Attempting to parse invalid JSON: {problem}") from problem
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict) or name not in document:
            raise UnreadableItems(f"The ItemsPointer {pointer} leads nowhere.")
        document = document[name]
    if not isinstance(document, list):
        raise UnreadableItems("Attempting to map over non-iterable node.")
    return iter(document)


def _json_lines(body: bytes, config: Mapping[str, Any]) -> Iterator[Json]:
    del config  # Lines leave nothing to choose.
    for number, line in enumerate(_unpacked(body).decode("utf-8-sig").splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as problem:
                raise UnreadableItems(f"Line {number} is not valid JSON: {problem}") from problem


def _csv_rows(body: bytes, config: Mapping[str, Any]) -> Iterator[Json]:
    delimiter = DELIMITERS[config.get("CSVDelimiter", "COMMA")]
    rows = csv.reader(io.StringIO(_unpacked(body).decode("utf-8-sig"), newline=""), delimiter=delimiter)
    headers: list[str] | None = config["CSVHeaders"] if config.get("CSVHeaderLocation") == "GIVEN" else next(rows, None)
    if headers is None:
        return
    if len(set(headers)) != len(headers):
        raise UnreadableItems("CSV headers cannot contain duplicates.")
    for row in rows:
        if row:
            # Fields without a header are dropped, headers without a field are empty.
            yield dict(zip(headers, row + [""] * (len(headers) - len(row)), strict=False))


def _parquet_rows(body: bytes, config: Mapping[str, Any]) -> Iterator[Json]:
    del config  # The file tells everything itself.
    # Parquet is the only format that needs a library, and a heavy one.
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        batches = parquet.ParquetFile(io.BytesIO(body)).iter_batches()
        for batch in batches:
            yield from batch.to_pylist()
    except arrow.ArrowInvalid as problem:
        raise UnreadableItems(f"The object is not a valid Parquet file: {problem}") from problem


async def _inventory(visit: Visit, arguments: Mapping[str, Json], body: bytes, limit: int | None) -> list[Json]:
    """Read the objects that an S3 inventory lists: its manifest names compressed CSV files."""
    try:
        manifest = json.loads(body)
        headers = [name.strip() for name in manifest["fileSchema"].split(",")]
        keys = [entry["key"] for entry in manifest["files"]]
    except (ValueError, KeyError, TypeError) as problem:
        raise UnreadableItems("The object is not the manifest of an S3 inventory.") from problem
    items: list[Json] = []
    for key in keys:
        part = await _get_object(visit, {"Bucket": arguments["Bucket"], "Key": key})
        rows = _items_in(part, {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": headers}, None)
        items.extend(rows[: None if limit is None else limit - len(items)])
    return items


def _unpacked(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body

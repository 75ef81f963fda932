"""The formats of a distributed Map's datasets: from the bytes of an object to items.

Facts: Step Functions developer guide, "ItemReader (Map)" and "How Step Functions parses input CSV files".
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from workflows.interpreter import json_text, parquet_rows
from workflows.interpreter.interfaces import Json
from workflows.interpreter.json_text import JsonError
from workflows.interpreter.map_input import Item, items_from
from workflows.interpreter.parquet_rows import UnreadableItems

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
"""The values of CSVDelimiter."""

MAX_ITEM_BYTES = 8 * 1024 * 1024
MAX_HEADER_BYTES = 10 * 1024
_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b"


def items_in(body: bytes, config: Mapping[str, Any], source: str, limit: int | None) -> list[Item]:
    """Read the items of an object.

    Parameters
    ----------
    body
        The object. Text may be compressed with gzip or Zstandard.
    config
        ReaderConfig; its InputType names the format.
    source
        S3 URI of the object.
    limit
        How many items to read at most; None for all.

    Raises
    ------
    UnreadableItems
        If the object is not what the configuration says, or an item has more than `MAX_ITEM_BYTES`.
    """
    kind = config.get("InputType")
    if kind not in FORMATS:
        raise UnreadableItems(f"The ItemReader needs an InputType, one of [{', '.join(FORMATS)}]; it has {kind}.")
    try:
        items = list(islice(FORMATS[kind](body, config, source), limit))
    except UnreadableItems:
        raise
    # What the standard library and PyArrow raise on damaged data.
    except (ValueError, EOFError, OSError, OverflowError, csv.Error, zlib.error, RecursionError) as problem:
        raise UnreadableItems(f"The object is not valid {kind}: {problem}") from problem
    if len(body) > MAX_ITEM_BYTES and kind != "PARQUET":
        for index, item in enumerate(items):
            if len(json_text.text_of(item.value).encode()) > MAX_ITEM_BYTES:
                raise UnreadableItems(f"Item {index} of the object has more than {MAX_ITEM_BYTES} bytes.")
    return items


def _json_items(body: bytes, config: Mapping[str, Any], source: str) -> Iterator[Item]:
    pointer: str = config.get("ItemsPointer", "")
    try:
        document = json_text.parse(_text_in(body))
    except JsonError as problem:
        raise UnreadableItems(f"Attempting to parse invalid JSON: {problem}") from problem
    for step in pointer.split("/")[1:]:
        document = _member(document, step.replace("~1", "/").replace("~0", "~"), pointer)
    items = items_from(document, source)
    if items is None:
        raise UnreadableItems("Attempting to map over non-iterable node.")
    return iter(items)


def _member(document: Json, name: str, pointer: str) -> Json:
    if isinstance(document, dict) and name in document:
        return document[name]
    if isinstance(document, list) and re.fullmatch(r"0|[1-9]\d{0,9}", name, re.ASCII) and int(name) < len(document):
        return document[int(name)]
    raise UnreadableItems(f"The ItemsPointer {pointer} leads nowhere.")


def _json_lines(body: bytes, config: Mapping[str, Any], source: str) -> Iterator[Item]:
    del config  # Lines leave nothing to choose.
    # A line ends at a newline alone: other separators of Unicode may stand in a JSON string as they are.
    for number, line in enumerate(_text_in(body).split("\n"), 1):
        if line.strip(" \t\r"):
            try:
                yield Item(json_text.parse(line), source=source)
            except JsonError as problem:
                raise UnreadableItems(f"Line {number} is not valid JSON: {problem}") from problem


def _csv_rows(body: bytes, config: Mapping[str, Any], source: str) -> Iterator[Item]:
    csv.field_size_limit(MAX_ITEM_BYTES)
    delimiter = DELIMITERS[config.get("CSVDelimiter", "COMMA")]
    rows = csv.reader(io.StringIO(_text_in(body), newline=""), delimiter=delimiter, escapechar="\\")
    headers: list[str] | None = config["CSVHeaders"] if config.get("CSVHeaderLocation") == "GIVEN" else next(rows, None)
    if headers is None:
        return
    if len(set(headers)) != len(headers):
        raise UnreadableItems("CSV headers cannot contain duplicates.")
    if sum(len(header.encode()) for header in headers) > MAX_HEADER_BYTES:
        raise UnreadableItems(f"CSV headers cannot have more than {MAX_HEADER_BYTES} bytes.")
    for row in rows:
        if row:
            # Fields without a header are dropped, headers without a field are empty.
            fields = row + [""] * (len(headers) - len(row))
            yield Item(dict(zip(headers, fields, strict=False)), source=source)


def _parquet_items(body: bytes, config: Mapping[str, Any], source: str) -> Iterator[Item]:
    del config  # The file tells everything itself.
    return (Item(row, source=source) for row in parquet_rows.rows_in(body))


FORMATS: dict[str, Callable[[bytes, Mapping[str, Any], str], Iterator[Item]]] = {
    "JSON": _json_items,
    "JSONL": _json_lines,
    "CSV": _csv_rows,
    "PARQUET": _parquet_items,
}


def _text_in(body: bytes) -> str:
    if body.startswith(_GZIP):
        body = gzip.decompress(body)
    elif body.startswith(_ZSTD):
        body = parquet_rows.decompressed(body, "zstd")
    return body.decode("utf-8-sig")

"""CSV with a header to rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

from tasks.errors import UnreadableObject
from tasks.reading.lines import Lost, beginning_of, whole_lines
from tasks.records.rows import BadRow, Flaw, Rows, broken_rows
from tasks.records.signature import Signature

#: A quoted field may hold line breaks, but a quote that stays open for longer was never meant to be one.
_MOST_LINES_OF_A_ROW = 100


def read_csv(pieces: Iterable[bytes], signature: Signature) -> Iterator[Rows]:
    """Read comma-separated rows in UTF-8, the first of which names the columns; blank lines are no rows.

    Arrow parses a chunk of lines at once when all of them have the header's width and the signature's types. If
    anything is odd, the chunk is parsed again, row by row, so that the odd rows can be told from the rest.

    Raises
    ------
    UnreadableObject
        If the first line is no header: without it, no field has a name.
    """
    header: list[str] | None = None
    read = 0
    unfinished = b""
    for part in _with_end(whole_lines(pieces)):
        last = part is None or isinstance(part, Lost)
        lines = unfinished + (part if isinstance(part, bytes) else b"")
        unfinished = b""
        if header is None and lines.strip():
            header, lines = _header(lines)
        if header is not None and lines:
            rows = _all_at_once(lines, read, header, signature)
            if rows is None:
                rows, unfinished = _row_by_row(lines, read, header, last=last)
            read += len(rows.numbers) + len(rows.broken)
            yield rows
        if isinstance(part, Lost):
            read += 1
            yield broken_rows(BadRow(read, [part.flaw], part.beginning))


def _with_end(parts: Iterable[bytes | Lost]) -> Iterator[bytes | Lost | None]:
    yield from parts
    yield None


def _header(lines: bytes) -> tuple[list[str], bytes]:
    first, _, others = lines.lstrip(b"\r\n").partition(b"\n")
    try:
        names = next(csv.reader([first.decode("utf-8-sig", "replace").rstrip("\r")]))
    except csv.Error as error:
        raise UnreadableObject(f"the object's first line is no CSV header: {error}") from error
    return [name.strip() for name in names], others


def _all_at_once(lines: bytes, read: int, header: list[str], signature: Signature) -> Rows | None:
    if len(set(header)) < len(header):
        return None
    types = {
        feature.name: pa.float64() if feature.kind == "number" else pa.dictionary(pa.int32(), pa.string())
        for feature in signature.features
        if feature.name in header
    }
    try:
        table = pv.read_csv(
            pa.BufferReader(lines),
            pv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=header),
            pv.ParseOptions(newlines_in_values=True),
            pv.ConvertOptions(
                column_types=types,
                include_columns=list(types) or header[:1],
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != lines.count(b"\n"):
        return None
    return Rows(np.arange(read + 1, read + 1 + table.num_rows), table.combine_chunks().to_batches()[0], text=True)


def _row_by_row(lines: bytes, read: int, header: list[str], *, last: bool) -> tuple[Rows, bytes]:
    """The rows, and the lines of a row that goes on beyond these lines."""
    raw = io.BytesIO(lines).readlines()
    numbers: list[int] = []
    good: list[list[str]] = []
    broken: list[BadRow] = []
    number, at = read, 0
    while at < len(raw):
        fields, used, complaint = _next_row(raw, at, len(header))
        if used > len(raw) - at:
            if not last:
                break
            used = 1
        if fields or complaint:
            number += 1
        if complaint:
            broken.append(BadRow(number, [Flaw("broken row", complaint)], beginning_of(raw[at])))
        elif fields:
            numbers.append(number)
            good.append(fields)
        at += used
    columns = [[value or None for value in column] for column in zip(*good, strict=True)] or [[] for _ in header]
    batch = pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], header)
    return Rows(np.array(numbers, np.int64), batch, text=True, broken=broken), b"".join(raw[at:])


def _next_row(raw: Sequence[bytes], at: int, width: int) -> tuple[list[str], int, str]:
    """Fields of the row that begins at a line, how many lines it takes, and what is wrong with it.

    A row whose end is not among the lines takes more lines than there are.
    """
    reader = csv.reader((line.decode("utf-8") for line in islice(raw, at, at + _MOST_LINES_OF_A_ROW)), strict=True)
    try:
        fields = next(reader)
    except UnicodeDecodeError as error:
        return [], 1, f"the line is not UTF-8: {error.reason} at byte {error.start + 1}"
    except csv.Error as error:
        if "unexpected end" not in str(error):
            return [], 1, f"the line is not CSV: {error}"
        short = len(raw) - at < _MOST_LINES_OF_A_ROW
        return [], len(raw) - at + 1 if short else 1, "a quote is opened and never closed"
    if fields and len(fields) != width:
        return [], reader.line_num, f"{len(fields)} fields, and the header names {width}"
    return fields, reader.line_num, ""

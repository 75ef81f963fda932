"""JSON Lines to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

from tasks.json_text import parse_record
from tasks.reading.lines import Lost, beginning_of, whole_lines
from tasks.records.check import rows_from_records
from tasks.records.rows import BadRow, Flaw, Rows, broken_rows
from tasks.records.signature import Signature


def read_json_lines(pieces: Iterable[bytes], signature: Signature) -> Iterator[Rows]:
    """Read one record a line; blank lines are no rows.

    Arrow parses a chunk of lines at once when all of them are objects of the signature's types. If anything is odd,
    the chunk is parsed again, line by line, so that the odd lines can be told from the rest.
    """
    read = 0
    for part in whole_lines(pieces):
        if isinstance(part, Lost):
            read += 1
            yield broken_rows(BadRow(read, [part.flaw], part.beginning))
            continue
        rows = _all_at_once(part, read, signature) or _line_by_line(part, read, signature)
        read += len(rows.numbers) + len(rows.broken)
        yield rows


def _all_at_once(lines: bytes, read: int, signature: Signature) -> Rows | None:
    count = lines.count(b"\n")
    if lines.count(b"}\n") + lines.count(b"}\r\n") != count:
        return None
    types = {"number": pa.float64(), "category": pa.string()}
    schema = pa.schema([(feature.name, types[feature.kind]) for feature in signature.features])
    try:
        lines.decode()  # Arrow would take bytes that are no UTF-8
        table = pj.read_json(
            pa.BufferReader(lines),
            pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            pj.ParseOptions(schema, newlines_in_values=False, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    if table.num_rows != count:
        return None
    return Rows(np.arange(read + 1, read + 1 + count), table.combine_chunks().to_batches()[0])


def _line_by_line(lines: bytes, read: int, signature: Signature) -> Rows:
    numbers, records, broken = [], [], []
    number = read
    for line in lines.split(b"\n"):
        if not line.strip():
            continue
        number += 1
        record, complaint = parse_record(line, signature.names)
        if complaint:
            broken.append(BadRow(number, [Flaw("broken row", f"the line {complaint}")], beginning_of(line)))
        else:
            numbers.append(number)
            records.append(record)
    return rows_from_records(np.array(numbers, np.int64), records, signature, broken)

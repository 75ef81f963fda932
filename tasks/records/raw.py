"""Rows of a file as the records that JSON can carry, for what checks them elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.records.rows import Rows
from tasks.records.signature import Feature, Signature

#: A value that JSON has no word for: NaN, a time, bytes.
_UNSPEAKABLE: Any = object()


@dataclass(frozen=True)
class RawRecords:
    """What the rows hold, before any check.

    Attributes
    ----------
    records
        For each row a record with exactly the signature's features; None where JSON would not carry what decides the
        check. Such a row has to be checked where it was read.
    text
        Whether all values are text, as those of a CSV file are, so that `1.5` is a number.
    """

    records: Sequence[dict[str, Any] | None]
    text: bool


def raw_records(rows: Rows, signature: Signature) -> RawRecords:
    """Take rows apart, so that a check of the records finds in them what a check of the rows finds.

    Numbers travel as float64, the form in which the check compares them; JSON and back does not change those.
    """
    if rows.records is not None:
        return RawRecords([_faithful(rows.record(place, signature.names)) for place in range(len(rows.numbers))], False)
    columns = []
    text = rows.text and any(
        feature.kind == "number" and any(pa.types.is_string(column.type) for column in _columns(rows, feature))
        for feature in signature.features
    )
    for feature in signature.features:
        found = _columns(rows, feature)
        if len(found) != 1:  # a missing column is another flaw than a missing value
            return RawRecords([None] * len(rows.numbers), text)
        columns.append(_texts(found[0]) if text else _values(found[0], feature))
    records = [
        None if any(value is _UNSPEAKABLE for value in values) else dict(zip(signature.names, values, strict=True))
        for values in zip(*columns, strict=True)
    ]
    for place in rows.flaws:
        records[place] = None
    return RawRecords(records, text)


def _columns(rows: Rows, feature: Feature) -> list[pa.Array]:
    return [rows.columns.column(place) for place in rows.columns.schema.get_all_field_indices(feature.name)]


def _faithful(record: dict[str, Any]) -> dict[str, Any] | None:
    try:
        json.dumps(record, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None
    return record


def _texts(column: pa.Array) -> list[Any]:
    """Texts of a CSV file. The reader makes no empty ones: there, they are missing values."""
    if not pa.types.is_string(column.type):
        return [_UNSPEAKABLE] * len(column)
    return [_UNSPEAKABLE if value == "" else value for value in _plain(column)]


def _values(column: pa.Array, feature: Feature) -> list[Any]:
    if feature.kind == "number":
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return _numbers(column.cast(pa.float64(), safe=False))
    return [value if _is_speakable(value) else _UNSPEAKABLE for value in _plain(column)]


def _numbers(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    odd = ~np.isfinite(column.to_numpy(zero_copy_only=False))
    for place in np.flatnonzero(odd):
        if values[place] is not None:
            values[place] = _UNSPEAKABLE
    return values


def _plain(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # text that is no UTF-8, a time that Python does not have
        return [_UNSPEAKABLE] * len(column)


def _is_speakable(value: Any) -> bool:
    return value is None or type(value) in (str, bool, int) or (type(value) is float and math.isfinite(value))

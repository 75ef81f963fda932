"""The check of rows against a model's signature: good rows as typed columns, bad ones set aside with their reason."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records.rows import BadRow, Flaw, FlawKind, Rows, python_value
from tasks.records.signature import Feature, Signature

Mask = npt.NDArray[np.bool_]

#: A decimal number as people and programs write it in text; what a cast to float64 understands.
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NAN_OR_INFINITE = r"(?i)^[+-]?(nan|inf|infinity)$"
#: How many allowed categories a reason lists.
_LISTED = 5


@dataclass(frozen=True)
class Checked:
    """The outcome of a check.

    `numbers` is int64[m], the row numbers of the good rows; `columns` has m rows and exactly the signature's
    features in their order: float64 for a number, dictionary of text for a category, null only where allowed.
    """

    numbers: npt.NDArray[np.int64]
    columns: list[pa.Array]
    bad: list[BadRow]


def check(rows: Rows, signature: Signature) -> Checked:
    """Tell good rows from bad ones.

    A row is bad if a field that the model needs is absent or empty, has the wrong type, is NaN or infinite, or is a
    category that the model was not trained on. Every flaw of a row is reported, not just the first.
    """
    flaws: dict[int, list[Flaw]] = defaultdict(list)
    found_before: dict[str, dict[int, Flaw]] = defaultdict(dict)
    for position, found in rows.flaws.items():
        for name, flaw in found:
            found_before[name][position] = flaw
    columns = []
    for feature in signature.features:
        column, found_now = _checked_column(rows, feature, found_before[feature.name].keys())
        for position, flaw in (found_now | found_before[feature.name]).items():
            flaws[position].append(flaw)
        columns.append(column)
    if not flaws:
        return Checked(rows.numbers, columns, list(rows.broken))
    bad = [
        BadRow(int(rows.numbers[position]), flaws[position], rows.record(position, signature.names))
        for position in sorted(flaws)
    ]
    good = np.ones(len(rows.numbers), bool)
    good[list(flaws)] = False
    mask = pa.array(good)
    return Checked(
        rows.numbers[good],
        [column.filter(mask) for column in columns],
        sorted([*rows.broken, *bad], key=lambda row: row.row),
    )


def rows_from_records(
    numbers: npt.NDArray[np.int64],
    records: Sequence[Mapping[str, Any]],
    signature: Signature,
    broken: Sequence[BadRow] = (),
) -> Rows:
    """Columns out of single records, whose values may have any type.

    Parameters
    ----------
    numbers
        int64[n], the row numbers.
    records
        n records, as JSON gives them.
    """
    flaws: dict[int, list[tuple[str, Flaw]]] = defaultdict(list)
    columns = []
    for feature in signature.features:
        fits = _is_number if feature.kind == "number" else _is_text
        values = [record.get(feature.name) for record in records]
        for position, value in enumerate(values):
            if value is not None and not fits(value):
                flaws[position].append((feature.name, wrong_type(feature, value)))
                values[position] = None
        columns.append(_array(values, feature))
    batch = pa.RecordBatch.from_arrays(columns, signature.names)
    return Rows(numbers, batch, broken=broken, flaws=flaws, records=records)


def wrong_type(feature: Feature, value: Any) -> Flaw:
    """The flaw of a value that is no number, or no text, where one is needed."""
    return Flaw("wrong type", f"{_shown(value)} is not a {_wanted(feature)}", feature.name)


def _array(values: list[Any], feature: Feature) -> pa.Array:
    if feature.kind == "number":
        # int has no bounds and float64 has: what is too large becomes infinite, and is refused as such.
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    return pa.array(values, pa.string())


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _checked_column(rows: Rows, feature: Feature, flawed_before: Iterable[int]) -> tuple[pa.Array, dict[int, Flaw]]:
    """One feature's column in its final type, and the flaws in it by position."""
    count = len(rows.numbers)
    places = rows.columns.schema.get_all_field_indices(feature.name)
    if len(places) != 1:
        what = "no column" if not places else f"{len(places)} columns"
        flaw = Flaw("missing column", f"the file has {what} of that name, and the model needs one", feature.name)
        return _nulls(feature, count), dict.fromkeys(range(count), flaw)
    column = rows.columns.column(places[0])
    if feature.kind == "category":
        typed, flaws = _categories(column, feature)
    elif rows.text and pa.types.is_string(column.type):
        typed, flaws = _numbers_in_text(column, feature)
    else:
        typed, flaws = _numbers(column, feature)
    if typed.null_count and not feature.nullable:
        missing = Flaw("missing value", "no value, and the model needs one", feature.name)
        known = flaws.keys() | set(flawed_before)
        flaws |= dict.fromkeys((place for place in _where(typed.is_null()) if place not in known), missing)
    return typed, flaws


def _numbers(column: pa.Array, feature: Feature) -> tuple[pa.Array, dict[int, Flaw]]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        return _all_wrong(column, feature)
    typed = column if pa.types.is_float64(kind) else column.cast(pa.float64(), safe=False)
    values = typed.to_numpy(zero_copy_only=False) if typed.null_count else typed.to_numpy()
    finite = np.isfinite(values)
    if finite.all():
        return typed, {}
    # A null looks like NaN here, but it is a missing value, which the caller judges.
    suspect = np.flatnonzero(~finite & typed.is_valid().to_numpy(zero_copy_only=False))
    return typed, {int(place): _not_finite(feature, float(values[place])) for place in suspect}


def _numbers_in_text(column: pa.Array, feature: Feature) -> tuple[pa.Array, dict[int, Flaw]]:
    plain = pc.utf8_trim_whitespace(column)
    plain = pc.if_else(pc.equal(plain, ""), None, plain)
    fine = pc.match_substring_regex(plain, _NUMBER)
    flaws = {}
    for place in _where(pc.invert(fine).fill_null(False)):
        value = plain[place].as_py()
        special = pc.match_substring_regex(pa.array([value]), _NAN_OR_INFINITE)[0].as_py()
        flaws[place] = _not_finite(feature, float(value)) if special else wrong_type(feature, value)
    typed = pc.if_else(fine, plain, None).cast(pa.float64())
    infinite = pc.is_inf(typed).fill_null(False)
    flaws |= {place: _not_finite(feature, typed[place].as_py()) for place in _where(infinite)}
    return typed, flaws


def _categories(column: pa.Array, feature: Feature) -> tuple[pa.Array, dict[int, Flaw]]:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_null(kind):
        return _nulls(feature, len(column)), {}
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return _all_wrong(column, feature)
    if pa.types.is_dictionary(column.type) and column.dictionary.null_count:
        column = column.dictionary_decode()
    if pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    typed = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = pc.is_in(typed.dictionary, pa.array(feature.categories, typed.dictionary.type))
    if pc.all(known, min_count=0).as_py():
        return typed, {}
    unknown = pc.invert(known.take(typed.indices)).fill_null(False)
    return typed, {place: _unknown(feature, python_value(typed[place])) for place in _where(unknown)}


def _unknown(feature: Feature, value: str | None) -> Flaw:
    listed = ", ".join(feature.categories[:_LISTED])
    more = len(feature.categories) - _LISTED
    return Flaw(
        "unknown category",
        f"the model does not know {_shown(value)}; it knows {listed}" + (f" and {more} more" if more > 0 else ""),
        feature.name,
    )


def _not_finite(feature: Feature, value: float) -> Flaw:
    kind: FlawKind = "not a number" if math.isnan(value) else "infinite"
    return Flaw(kind, f"{'NaN' if math.isnan(value) else value} is not a finite number", feature.name)


def _all_wrong(column: pa.Array, feature: Feature) -> tuple[pa.Array, dict[int, Flaw]]:
    present = _where(column.is_valid())
    return _nulls(feature, len(column)), {place: wrong_type(feature, python_value(column[place])) for place in present}


def _nulls(feature: Feature, count: int) -> pa.Array:
    kind = pa.float64() if feature.kind == "number" else pa.dictionary(pa.int32(), pa.string())
    return pa.nulls(count, kind)


def _where(mask: pa.BooleanArray) -> list[int]:
    places: list[int] = np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()
    return places


def _wanted(feature: Feature) -> str:
    return "number" if feature.kind == "number" else "text"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."

"""Raw records of online callers to the cleaned ones that the endpoint takes, by the check that batch scoring applies.

The endpoint encodes categories itself, with the signature of the variant that answers: what goes there are checked
values by feature name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.errors import RecordError
from tasks.records.check import check, rows_from_records
from tasks.records.rows import BadRow, Rows
from tasks.records.signature import Signature

#: Features that a message lists: an answer of the API has many messages, and a size.
_LISTED = 20


@dataclass(frozen=True)
class Cleaned:
    """The outcome: good records with exactly the signature's features, their positions (0-based), and the bad ones."""

    positions: list[int]
    records: list[dict[str, float | str | None]]
    bad: list[BadRow]

    def errors(self) -> Iterator[RecordError]:
        """Everything that is wrong with the bad records."""
        for row in self.bad:
            for flaw in row.flaws:
                yield RecordError(row.row - 1, flaw.field, flaw.complaint)


def clean(records: Sequence[Mapping[str, Any]], signature: Signature) -> Cleaned:
    """Check records whose values are those of JSON. Fields that the model does not read are left out."""
    return clean_rows(rows_from_records(_numbers(records), records, signature), signature)


def clean_texts(records: Sequence[Mapping[str, str]], signature: Signature) -> Cleaned:
    """Check records whose values are all text, as those of a CSV file are: `1.5` is a number, an empty text is none."""
    columns = [pa.array([record.get(name) or None for record in records], pa.string()) for name in signature.names]
    batch = pa.RecordBatch.from_arrays(columns, signature.names)
    return clean_rows(Rows(_numbers(records), batch, text=True), signature)


def unknown_fields(records: Sequence[Mapping[str, Any]], signature: Signature) -> Iterator[RecordError]:
    """The fields of records that the model does not have: misspelled features, most likely."""
    names = signature.names
    known = set(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = f"{', '.join(names[:_LISTED])}{more}"
    for place, record in enumerate(records):
        for field in record:
            if field not in known:
                yield RecordError(place, field, f"the model has no such feature; it has {listed}")


def clean_rows(rows: Rows, signature: Signature) -> Cleaned:
    """Check rows of a file. A position is a row's number less one."""
    checked = check(rows, signature)
    columns = [column.to_pylist() for column in checked.columns]
    records = [dict(zip(signature.names, values, strict=True)) for values in zip(*columns, strict=True)]
    return Cleaned((checked.numbers - 1).tolist(), records, checked.bad)


def _numbers(records: Sequence[Any]) -> Any:
    return np.arange(1, len(records) + 1, dtype=np.int64)

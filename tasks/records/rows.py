"""Rows as columns: what travels from the readers to the check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FlawKind = Literal[
    "missing column",
    "missing value",
    "wrong type",
    "not a number",
    "infinite",
    "unknown category",
    "broken row",
    "cut off",
]


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with a row: what is wrong, and with which field, if it is one field's fault."""

    kind: FlawKind
    complaint: str
    field: str | None = None

    @property
    def text(self) -> str:
        """All of it, to a person."""
        return self.complaint if self.field is None else f"{self.field}: {self.complaint}"


@dataclass(frozen=True)
class BadRow:
    """A row set aside: its 1-based number in the object, what is wrong with it, and what it held.

    `record` is a mapping of field to value, or the raw text where the row could not be taken apart.
    """

    row: int
    flaws: Sequence[Flaw]
    record: Mapping[str, Any] | str

    @property
    def reason(self) -> str:
        """Everything that is wrong with the row, in one line."""
        return "; ".join(flaw.text for flaw in self.flaws)


@dataclass(frozen=True)
class Rows:
    """Some consecutive rows of a shard.

    Attributes
    ----------
    numbers
        int64[n], the 1-based number of each row in the object.
    columns
        n rows; columns that the model does not read may be there, columns that it reads may be missing.
    text
        Whether the source knows only text (CSV), so that a number may stand in a text column.
    broken
        Rows among these that could not be taken apart; they are not in `numbers`.
    flaws
        Flaws that were found while the columns were built, by position (0-based, below n). The value of a flawed
        field is null in `columns`.
    records
        The original records by position, where `columns` does not hold them faithfully.
    """

    numbers: npt.NDArray[np.int64]
    columns: pa.RecordBatch
    text: bool = False
    broken: Sequence[BadRow] = ()
    flaws: Mapping[int, Sequence[tuple[str, Flaw]]] = field(default_factory=dict)
    records: Sequence[Mapping[str, Any]] | None = None

    def record(self, position: int, names: Sequence[str]) -> dict[str, Any]:
        """The named fields of the row at a position; None for those that it lacks."""
        if self.records is not None:
            return {name: self.records[position].get(name) for name in names}
        places = {name: self.columns.schema.get_all_field_indices(name)[:1] for name in names}
        return {
            name: python_value(self.columns.column(place[0])[position]) if place else None
            for name, place in places.items()
        }


def python_value(scalar: pa.Scalar) -> Any:
    """An Arrow value for people and JSON, even where it has no exact Python counterpart."""
    plain = scalar.value if isinstance(scalar, pa.DictionaryScalar) else scalar
    try:
        return plain.as_py()
    except UnicodeDecodeError:
        return plain.cast(pa.binary()).as_py().decode("utf-8", "replace")
    except (ValueError, OverflowError):  # times finer than microseconds, or out of Python's range
        return plain.cast(pa.string()).as_py()


def broken_rows(*rows: BadRow) -> Rows:
    """Rows of which none could be taken apart."""
    return Rows(np.empty(0, np.int64), pa.RecordBatch.from_pylist([]), broken=rows)

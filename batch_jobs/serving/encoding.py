"""Records to the rows that a model reads, one at a time and quickly, or not at all.

`tasks.records.check.check` decides which records are good, by columns, for any source. For a request of a record or of
a hundred, columns cost more than the model. So plainly good records take a short way here, which gives the features
that `tasks.records.features.feature_matrix` would give; whatever is not plainly good is left to the check.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.records.signature import Signature


class RecordEncoder:
    """Encodes records of a signature."""

    def __init__(self, signature: Signature) -> None:
        self._names = frozenset(signature.names)
        # Of a category the code of each text; of a number None. Whether a number may be empty.
        self._fields: list[tuple[str, dict[str | None, float] | None, bool]] = []
        for feature in signature.features:
            codes: dict[str | None, float] | None = None
            if feature.kind == "category":
                codes = {text: float(code) for code, text in enumerate(feature.categories)}
                if feature.nullable:
                    codes[None] = math.nan
            self._fields.append((feature.name, codes, feature.nullable))

    def encode(self, records: Sequence[Any]) -> list[list[float]] | None:
        """The features of each record: k numbers, NaN for an empty field; or None if any is not plainly good.

        Plainly good is an object with no field beyond the signature's, of exactly the types that a parser of JSON
        gives.
        """
        rows = []
        for record in records:
            row = self._row(record) if type(record) is dict else None
            if row is None:
                return None
            rows.append(row)
        return rows

    def _row(self, record: Mapping[str, Any]) -> list[float] | None:
        if not record.keys() <= self._names:
            return None
        row = []
        largest = sys.float_info.max
        for name, codes, nullable in self._fields:
            value = record.get(name)
            if codes is not None:
                if value.__class__ is not str and value is not None:
                    return None
                code = codes.get(value)
                if code is None:
                    return None
                row.append(code)
            elif value.__class__ is float or value.__class__ is int:
                if not -largest <= value <= largest:
                    return None
                row.append(value)
            elif value is None and nullable:
                row.append(math.nan)
            else:
                return None
        return row

"""Functions at the end of a JSONPath, such as `$.items.length()` (Jayway JsonPath README, "Functions")."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any


class NothingThere(Exception):
    """A path leads nowhere in this document; the message is Jayway's."""


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, list | dict | str) else None


def _of_numbers(fold: Callable[[list[float]], float]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        values = value if isinstance(value, list) else []
        numbers = [number for number in values if isinstance(number, int | float) and not isinstance(number, bool)]
        if not numbers:
            raise NothingThere("Aggregation function attempted to calculate value using empty array")
        try:
            return fold(numbers)
        except OverflowError:
            raise NothingThere("Aggregation function gave a number out of range of double") from None

    return apply


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "length": _length,
    "size": _length,
    "keys": lambda value: list(value) if isinstance(value, dict) else None,
    "first": lambda value: value[0] if isinstance(value, list) and value else None,
    "last": lambda value: value[-1] if isinstance(value, list) and value else None,
    "min": _of_numbers(lambda numbers: float(min(numbers))),
    "max": _of_numbers(lambda numbers: float(max(numbers))),
    "sum": _of_numbers(lambda numbers: float(math.fsum(numbers))),
    "avg": _of_numbers(lambda numbers: math.fsum(numbers) / len(numbers)),
    "stddev": _of_numbers(statistics.pstdev),
}

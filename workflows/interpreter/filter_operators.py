"""What the operators of JSONPath's filters say of two values.

Facts: Jayway JsonPath README, "Filter Operators": a comparison that makes no sense is false, and a number equals the
text that it is written as, except for `===`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MISSING = object()
"""What a path in a filter gives where it leads nowhere."""

NUMBER = re.compile(r"-?\d{1,400}(?:\.\d+)?(?:[eE][-+]?\d{1,5})?")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Any, right: Any) -> bool:
    if left is MISSING or right is MISSING:
        return False
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(right, str) and _is_number(left):
        return _equal_as_number(left, right)
    if isinstance(left, str) and _is_number(right):
        return left == json.dumps(right)
    return bool(left == right)


def _equal_as_number(number: float, text: str) -> bool:
    return NUMBER.fullmatch(text) is not None and number == float(text)


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        alike = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return alike and holds(left, right)

    return compare


def _identical(left: Any, right: Any) -> bool:
    return isinstance(left, str) == isinstance(right, str) and _equal(left, right)


def _matches(left: Any, right: Any) -> bool:
    if isinstance(left, bool | int | float):
        left = json.dumps(left)
    return isinstance(left, str) and isinstance(right, re.Pattern) and right.fullmatch(left) is not None


def _within(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_equal(left, item) for item in right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return isinstance(left, list) and any(_equal(item, right) for item in left)


def _all_within(left: Any, right: Any) -> bool:
    return isinstance(left, list) and all(_within(item, right) for item in left)


def _any_within(left: Any, right: Any) -> bool:
    return isinstance(left, list) and any(_within(item, right) for item in left)


def _sized(value: Any) -> bool:
    return isinstance(value, str | list | dict)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "===": _identical,
    "!==": lambda left, right: not _identical(left, right),
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<=": _ordered(lambda left, right: left <= right),
    ">=": _ordered(lambda left, right: left >= right),
    "<": _ordered(lambda left, right: left < right),
    ">": _ordered(lambda left, right: left > right),
    "=~": _matches,
    "in": _within,
    "nin": lambda left, right: not _within(left, right),
    "all": lambda left, right: isinstance(right, list) and all(_contains(left, item) for item in right),
    "subsetof": _all_within,
    "anyof": _any_within,
    "noneof": lambda left, right: isinstance(left, list) and not _any_within(left, right),
    "contains": _contains,
    "size": lambda left, right: _sized(left) and len(left) == right,
    "empty": lambda left, right: _sized(left) and (len(left) == 0) is right,
}

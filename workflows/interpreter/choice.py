"""Choice rules: which state comes next.

Source: Amazon States Language specification, "Choice State"; Step Functions developer guide, "Choice workflow
state". A comparison of unlike types is false, not an error; a variable that is not there is an error, except for
IsPresent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from workflows.interpreter import paths, timestamps
from workflows.interpreter.errors import StatesError

Compare = Callable[[Any, Any], bool]


def choose(state: Mapping[str, Any], document: Any, context: Any) -> str | None:
    """Name of the next state: that of the first rule that holds, else `Default`.

    Parameters
    ----------
    state
        The Choice state; its definition was validated.
    document, context
        The state's effective input, and the context object.

    Returns
    -------
    None if no rule holds and there is no `Default`: the state fails with "States.NoChoiceMatched".

    Raises
    ------
    StatesError
        "States.Runtime" if a rule reads a path that selects nothing.
    """
    for rule in state["Choices"]:
        if holds(rule, document, context):
            following: str = rule["Next"]
            return following
    return state.get("Default")


def holds(rule: Mapping[str, Any], document: Any, context: Any) -> bool:
    """Whether one rule, maybe made of others, holds."""
    if "And" in rule:
        return all(holds(part, document, context) for part in rule["And"])
    if "Or" in rule:
        return any(holds(part, document, context) for part in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], document, context)
    variable: str = rule["Variable"]
    operator = next(name for name in rule if name in OPERATORS)
    operand = rule[operator]
    if operator == "IsPresent":
        return paths.exists(variable, document, context) is operand
    value = _read(variable, document, context)
    if operator.endswith("Path"):
        operand = _read(operand, document, context)
    return OPERATORS[operator](value, operand)


def _read(path: str, document: Any, context: Any) -> Any:
    try:
        return paths.read(path, document, context, field="Variable")
    except StatesError:
        raise StatesError(
            "States.Runtime",
            f"Invalid path '{path}': The choice state's condition path references an invalid value.",
        ) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_timestamp(value: Any) -> bool:
    return timestamps.parse(value) is not None


def _kind(test: Callable[[Any], bool]) -> Compare:
    return lambda value, wanted: test(value) is wanted


def _strings(compare: Compare) -> Compare:
    return lambda left, right: isinstance(left, str) and isinstance(right, str) and compare(left, right)


def _numbers(compare: Compare) -> Compare:
    return lambda left, right: _is_number(left) and _is_number(right) and compare(left, right)


def _moments(compare: Compare) -> Compare:
    def apply(left: Any, right: Any) -> bool:
        first, second = timestamps.parse(left), timestamps.parse(right)
        return first is not None and second is not None and compare(first, second)

    return apply


def _matches(value: Any, pattern: Any) -> bool:
    return isinstance(value, str) and _wildcards(pattern).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _wildcards(pattern: str) -> re.Pattern[str]:
    """Regular expression of a StringMatches pattern: `*` stands for any text, a backslash escapes."""
    parts = [".*" if part == "*" else re.escape(part[-1]) for part in re.findall(r"\\[*\\]|.", pattern, re.DOTALL)]
    return re.compile("".join(parts), re.DOTALL)


_ORDERS: dict[str, Compare] = {
    "Equals": lambda left, right: left == right,
    "LessThan": lambda left, right: left < right,
    "GreaterThan": lambda left, right: left > right,
    "LessThanEquals": lambda left, right: left <= right,
    "GreaterThanEquals": lambda left, right: left >= right,
}
_TYPES: dict[str, Callable[[Compare], Compare]] = {"String": _strings, "Numeric": _numbers, "Timestamp": _moments}


def _boolean_equals(left: Any, right: Any) -> bool:
    return isinstance(left, bool) and left is right


OPERATORS: dict[str, Compare] = {
    "StringMatches": _matches,
    "BooleanEquals": _boolean_equals,
    "BooleanEqualsPath": _boolean_equals,
    "IsNull": _kind(lambda value: value is None),
    "IsPresent": _kind(lambda _value: True),
    "IsNumeric": _kind(_is_number),
    "IsString": _kind(lambda value: isinstance(value, str)),
    "IsBoolean": _kind(lambda value: isinstance(value, bool)),
    "IsTimestamp": _kind(_is_timestamp),
}
for _type, _of_type in _TYPES.items():
    for _order, _compare in _ORDERS.items():
        OPERATORS[_type + _order] = OPERATORS[f"{_type}{_order}Path"] = _of_type(_compare)

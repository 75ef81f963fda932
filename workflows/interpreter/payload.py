"""JSON texts of payloads, and how long and how deep they may be."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from workflows.interpreter import json_text
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json

MAXIMUM_BYTES = 262_144
"""Bytes of UTF-8 that an input or an output may have (Step Functions developer guide, "Quotas")."""

MAXIMUM_DEPTH = 900
"""Objects and arrays inside each other that a payload may have: what is deeper, Python could not read again.

Step Functions names no limit; its parser, Jackson, has one of 1,000 (``StreamReadConstraints``)."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(r"[\[{\]}]")
_HALF_SURROGATE = re.compile(r"[\ud800-\udfff]")


def text_of(value: Json) -> str:
    """Give the JSON text of a payload as the history shows it: without spaces.

    Half surrogates are escaped, because UTF-8 cannot say them.

    Raises
    ------
    StatesError
        ``States.Runtime`` for NaN and infinite numbers, which JSON does not have (RFC 8259, "Numbers").
    """
    try:
        text = json_text.text_of(value)
    except ValueError as problem:
        cause = "The data holds a number that is not finite, which JSON cannot express."
        raise StatesError("States.Runtime", cause) from problem
    except RecursionError as problem:
        raise _too_deep() from problem
    return text if text.isascii() else _HALF_SURROGATE.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


def check_depth(text: str) -> None:
    """Refuse a JSON text that is nested too deeply.

    Raises
    ------
    StatesError
        ``States.Runtime``, over `MAXIMUM_DEPTH`.
    """
    if text.count("[") + text.count("{") > MAXIMUM_DEPTH and _depth(text) > MAXIMUM_DEPTH:
        raise _too_deep()


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _too_deep() -> StatesError:
    return StatesError("States.Runtime", f"The data is nested more than {MAXIMUM_DEPTH} levels deep.")


def exceeds(text: str) -> bool:
    """Whether a payload has more than `MAXIMUM_BYTES`, which are not its characters."""
    return len(text) * 4 > MAXIMUM_BYTES and len(text.encode()) > MAXIMUM_BYTES


def limited_text_of(value: Json, producer: str) -> str:
    """Give the JSON text of what a state or task `producer` returned.

    Raises
    ------
    StatesError
        ``States.DataLimitExceeded`` when it has more than `MAXIMUM_BYTES`; as `text_of` and `check_depth` do.
    """
    text = text_of(value)
    check_depth(text)
    if exceeds(text):
        raise StatesError(
            "States.DataLimitExceeded",
            f"The state/task '{producer}' returned a result with a size exceeding "
            "the maximum number of bytes service limit.",
        )
    check_depth(text)
    return text


def time_text(moment: datetime) -> str:
    """Write a time as the context object does: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

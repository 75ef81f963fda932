"""JSON texts of payloads, and how long they may be."""

from __future__ import annotations

from datetime import UTC, datetime

from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.json_text import text_of

__all__ = ["MAXIMUM_BYTES", "exceeds", "limited_text_of", "text_of", "time_text"]

MAXIMUM_BYTES = 262_144
"""Bytes of UTF-8 that an input or an output may have (Step Functions developer guide, "Quotas")."""


def exceeds(text: str) -> bool:
    """Whether a payload has more than `MAXIMUM_BYTES`, which are not its characters."""
    return len(text) * 4 > MAXIMUM_BYTES and len(text.encode()) > MAXIMUM_BYTES


def limited_text_of(value: Json, producer: str) -> str:
    """Give the JSON text of what a state or task `producer` returned.

    Raises
    ------
    StatesError
        ``States.DataLimitExceeded`` when it has more than `MAXIMUM_BYTES`; ``States.Runtime`` when it is no JSON.
    """
    try:
        text = text_of(value)
        if not text.isascii():
            text.encode()
    except ValueError as problem:
        # NaN, Infinity and half surrogates, which Python takes for JSON.
        raise StatesError("States.Runtime", f"The state/task '{producer}' returned no JSON: {problem}") from problem
    if exceeds(text):
        raise StatesError(
            "States.DataLimitExceeded",
            f"The state/task '{producer}' returned a result with a size exceeding "
            "the maximum number of bytes service limit.",
        )
    return text


def time_text(moment: datetime) -> str:
    """Write a time as the context object does: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

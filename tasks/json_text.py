"""JSON as people and programs write it, to values that can be checked and set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson


def parse_json(text: bytes) -> Any:
    """Read JSON, and what many take for JSON: NaN, Infinity and integers of any size deserve a reason of their own.

    Raises
    ------
    ValueError
        If it is not even that.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_int=_integer)
        except RecursionError as error:
            raise ValueError(str(error)) from error


def parse_record(text: bytes, names: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Read one record.

    Parameters
    ----------
    names
        The fields that the model reads; the others may hold anything.

    Returns
    -------
    The record, and what is wrong with the text ("is not JSON: …"), or nothing.
    """
    try:
        record = parse_json(text)
    except ValueError as error:
        return {}, f"is not JSON: {error}"
    if not isinstance(record, dict):
        return {}, "is JSON, but not an object"
    if complaint := unfit_for_storage({name: record.get(name) for name in names}):
        return {}, complaint
    return record, ""


def unfit_for_storage(value: Any) -> str:
    """What is wrong with a value that answers, logs and quarantine could not hold, or nothing.

    Half a surrogate pair and hundreds of nested lists must not get beyond where they are read.
    """
    try:
        orjson.dumps({"record": value}, default=str)
    except orjson.JSONEncodeError as error:
        return f"holds a value that cannot be stored as JSON: {error}"
    return ""


def _integer(digits: str) -> int | float:
    """As orjson reads it: what does not fit 64 bits becomes a float, and infinite if it does not fit that either."""
    value = float(digits)
    return int(digits) if abs(value) < 2**63 else value

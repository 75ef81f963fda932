"""JSON of a state, to and from the members of an API call, along botocore's model of the call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from workflows.interpreter.errors import StatesError
from workflows.interpreter.payload import text_of

Naming = Callable[[str], str]
"""From an API's member name to the name that states use."""

Timestamps = Callable[[datetime], Any]
"""How an integration shows a time."""


class UnfitArgumentError(Exception):
    """The arguments do not fit the call; the message says why in Step Functions' words."""


def iso_time(moment: datetime) -> str:
    """Render a time as AWS SDK integrations do: ``2023-05-23T19:11:31.120Z``, no zero fraction."""
    moment = moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def epoch_millis(moment: datetime) -> int:
    """Render a time as optimized integrations do."""
    return round(moment.timestamp() * 1000)


def to_request(shape: Any, value: Any, naming: Naming, *, texts_take_scalars: bool, field: str = "") -> Any:
    """Turn arguments into what botocore takes for `shape`.

    A null is a member that is not set. Where a text is wanted, objects and arrays are sent as their JSON text (recorded
    answers of AWS, for optimized and AWS SDK integrations alike); where bytes are wanted, any JSON is.

    Parameters
    ----------
    texts_take_scalars
        Whether numbers and booleans, too, are sent as texts where a text is wanted.
    field
        Name of the member that `shape` belongs to.

    Raises
    ------
    UnfitArgumentError
        If a structure has no such member, or a text is something else.
    """
    inner = functools.partial(to_request, naming=naming, texts_take_scalars=texts_take_scalars)
    if shape.type_name == "structure" and isinstance(value, Mapping) and not shape.is_document_type:
        names = {naming(name): name for name in shape.members}
        for key in value:
            if key not in names:
                raise UnfitArgumentError(f"The field '{key}' is not supported by Step Functions")
        return {
            names[key]: inner(shape.members[names[key]], item, field=key)
            for key, item in value.items()
            if item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [inner(shape.member, item, field=field) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: inner(shape.value, item, field=field) for key, item in value.items()}
    if shape.type_name == "blob":
        return text_of(value).encode()
    if shape.type_name == "string" and not isinstance(value, str):
        if not isinstance(value, dict | list) and not texts_take_scalars:
            raise UnfitArgumentError(f"The value for the field '{field}' must be a STRING")
        return text_of(value)
    return value


def to_output(shape: Any, value: Any, naming: Naming, timestamps: Timestamps) -> Any:
    """Turn what botocore answered for `shape` into JSON.

    Raises
    ------
    StatesError
        ``States.Runtime`` for binary data that is not text: a state cannot hold it.
    """
    if shape.type_name == "structure":
        if shape.is_document_type:
            return value
        return {
            naming(name): to_output(member, value[name], naming, timestamps)
            for name, member in shape.members.items()
            if name in value
        }
    if shape.type_name == "list":
        return [to_output(shape.member, item, naming, timestamps) for item in value]
    if shape.type_name == "map":
        return {key: to_output(shape.value, item, naming, timestamps) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return timestamps(value) if isinstance(value, datetime) else value
    if shape.type_name == "blob":
        return _text(value.read() if hasattr(value, "read") else value)
    return value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        cause = f"The answer holds {len(data)} bytes that are not UTF-8 text, which a state cannot hold."
        raise StatesError("States.Runtime", cause) from None

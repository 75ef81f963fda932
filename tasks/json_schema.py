"""The check of a document against the part of JSON Schema that our inputs are described with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "object": ("an object", (dict,)),
    "array": ("a list", (list,)),
    "string": ("text", (str,)),
    "integer": ("a whole number", (int,)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
}
_LONGEST_VALUE = 80


def complaint(document: Any, schema: Schema, name: str = "") -> str | None:
    """What is wrong with a document, for the person who wrote it.

    Parameters
    ----------
    schema
        Of draft 2020-12, made of `type`, `const`, `enum`, `pattern`, `minimum`, `exclusiveMinimum`, `maximum`,
        `properties`, `required`, `additionalProperties` (false), `dependentRequired`, `items`, `minItems` and
        `maxItems`. What a pattern means in words is said by `x-inWords` beside it.
    name
        Of the document, where it is a part of another one.

    Returns
    -------
    The first thing that is wrong: which key, its value and what is allowed. None if the document is fine.
    """
    allowed, fits = _KINDS[schema["type"]]
    is_flag = isinstance(document, bool)
    if not isinstance(document, fits) or (is_flag and schema["type"] != "boolean"):
        return _said(name, document, allowed)
    if isinstance(document, dict):
        return _object_complaint(document, schema, name)
    if isinstance(document, list):
        return _list_complaint(document, schema, name)
    return _value_complaint(document, schema, name)


def _object_complaint(document: Mapping[str, Any], schema: Schema, name: str) -> str | None:
    properties: Mapping[str, Schema] = schema["properties"]
    for key, value in document.items():
        if key not in properties:
            where = f"of {name}" if name else "of the input"
            return f"{key!r} is not a key {where}; allowed are {', '.join(sorted(properties))}"
        found = complaint(value, properties[key], f"{name}.{key}" if name else key)
        if found:
            return found
    for key in schema.get("required", ()):
        if key not in document:
            return f"{name or 'the input'} lacks {key}"
    for key, others in schema.get("dependentRequired", {}).items():
        for other in others:
            if key in document and other not in document:
                return f"{key} is only for an input with {other}"
    return None


def _list_complaint(document: list[Any], schema: Schema, name: str) -> str | None:
    if not schema.get("minItems", 0) <= len(document) <= schema.get("maxItems", math.inf):
        return f"{name} has {len(document)} entries; allowed are {schema['minItems']} to {schema['maxItems']}"
    complaints = (complaint(entry, schema["items"], f"{name}[{place}]") for place, entry in enumerate(document))
    return next((found for found in complaints if found), None)


def _value_complaint(value: Any, schema: Schema, name: str) -> str | None:
    if "const" in schema and value != schema["const"]:
        return _said(name, value, json.dumps(schema["const"]))
    if "enum" in schema and value not in schema["enum"]:
        return _said(name, value, "one of " + ", ".join(schema["enum"]))
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return _said(name, value, schema["x-inWords"])
    if "minimum" in schema or "exclusiveMinimum" in schema:
        least, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
        if not (least <= value <= schema["maximum"] and value > above):
            begin = f"above {above}, up to" if above > least else f"from {least} to"
            return _said(name, value, f"{_KINDS[schema['type']][0]} {begin} {schema['maximum']}")
    return None


def _said(name: str, value: Any, allowed: str) -> str:
    text = json.dumps(value, default=str)
    shown = text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
    return f"{name} is {shown}; it must be {allowed}" if name else f"the input must be {allowed}, not {shown}"

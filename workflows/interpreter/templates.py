"""Payload templates: Parameters, ResultSelector, ItemSelector and the other fields that hold `"name.$"` keys.

A key that ends with ".$" loses that ending and gets the value of its path or intrinsic function; all else is
copied (Amazon States Language specification, "Payload Template").
"""

from __future__ import annotations

from typing import Any

from workflows.interpreter import intrinsics, paths


def fill(template: Any, document: Any, context: Any, *, field: str) -> Any:
    """Payload that `template` describes.

    Parameters
    ----------
    template
        Any JSON value; only members of objects can be dynamic.
    document, context
        What "$…" and "$$…" are read on.
    field
        Name of the field that holds the template, used in errors when `template` itself is a path.

    Raises
    ------
    StatesError
        "States.Runtime" if a path selects nothing, "States.IntrinsicFailure" if a function fails.
    """
    if isinstance(template, dict):
        filled: dict[str, Any] = {}
        for key, value in template.items():
            if key.endswith(".$"):
                filled[key[:-2]] = expression(value, document, context, field=key)
            else:
                filled[key] = fill(value, document, context, field=field)
        return filled
    if isinstance(template, list):
        return [fill(item, document, context, field=field) for item in template]
    return template


def expression(text: str, document: Any, context: Any, *, field: str) -> Any:
    """Value of a path, or of a call of an intrinsic function, which CausePath and ErrorPath may hold too."""
    if text.startswith("$"):
        return paths.read(text, document, context, field=field)
    return intrinsics.evaluate(text, document, context)

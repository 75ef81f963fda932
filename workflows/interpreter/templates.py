"""Payload templates (first signatures)."""

from __future__ import annotations

from typing import Any

from workflows.interpreter import paths


def fill(template: Any, document: Any, context: Any, *, field: str) -> Any:
    """The payload that `template` describes; `field` is its field's name, for error messages."""
    if isinstance(template, dict):
        return {
            key[:-2] if key.endswith(".$") else key: paths.read(value, document, context, field=field)
            if key.endswith(".$")
            else fill(value, document, context, field=field)
            for key, value in template.items()
        }
    if isinstance(template, list):
        return [fill(value, document, context, field=field) for value in template]
    return template

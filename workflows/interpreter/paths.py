"""JSONPath as Step Functions reads it (first signatures)."""

from __future__ import annotations

from typing import Any

from workflows.interpreter.errors import StatesError


def read(path: str, document: Any, context: Any, *, field: str) -> Any:
    """Value of `path` in `document` ("$…") or in `context` ("$$…")."""
    value = context if path.startswith("$$") else document
    for step in path.lstrip("$").split("."):
        if not step:
            continue
        if not isinstance(value, dict) or step not in value:
            raise StatesError("States.Runtime", f"{field}: {path} not found")
        value = value[step]
    return value


def exists(path: str, document: Any, context: Any) -> bool:
    """Whether `path` selects anything."""
    try:
        read(path, document, context, field="")
    except StatesError:
        return False
    return True


def write(path: str, document: Any, value: Any) -> Any:
    """Copy of `document` in which the reference path `path` holds `value`."""
    if path == "$":
        return value
    head, _, rest = path[2:].partition(".")
    inner = document.get(head, {})
    return {**document, head: write(f"$.{rest}", inner, value) if rest else value}

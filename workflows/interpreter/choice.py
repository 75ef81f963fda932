"""Choice rules (first signatures)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def choose(state: Mapping[str, Any], document: Any, context: Any) -> str | None:
    """Name of the next state: of the first rule that matches, else `Default`, else None (States.NoChoiceMatched)."""
    default: str | None = state.get("Default")
    return default

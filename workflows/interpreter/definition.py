"""Definitions as CreateStateMachine takes them (first signatures)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from workflows.interpreter.errors import InvalidDefinition


@dataclass(frozen=True)
class Diagnostic:
    """One finding of ValidateStateMachineDefinition."""

    severity: str
    code: str
    message: str
    location: str | None = None


def diagnostics(text: str) -> list[Diagnostic]:
    """Everything that Step Functions would report about the definition `text`."""
    try:
        json.loads(text)
    except ValueError as problem:
        return [Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", str(problem))]
    return []


def load(text: str) -> dict[str, Any]:
    """The definition, parsed; raises `InvalidDefinition` if CreateStateMachine would refuse it."""
    errors = [found for found in diagnostics(text) if found.severity == "ERROR"]
    if errors:
        raise InvalidDefinition(errors[0].message)
    definition: dict[str, Any] = json.loads(text)
    return definition

"""Definitions as CreateStateMachine takes them: parsing, and every reason to refuse one.

Sources: Amazon States Language specification; Step Functions API reference, "CreateStateMachine" and
"ValidateStateMachineDefinition". Where Step Functions accepts a definition, so does this, with two exceptions
that are refused by name: JSONata and variables.
"""

from __future__ import annotations

from typing import Any

from workflows.interpreter import json_text, transitions
from workflows.interpreter.errors import InvalidDefinition
from workflows.interpreter.findings import Diagnostic, Findings
from workflows.interpreter.states_schema import check_machine

__all__ = ["MAX_CHARACTERS", "Diagnostic", "diagnostics", "load"]

MAX_CHARACTERS = 1_048_576


def load(text: str, *, machine_type: str = "STANDARD") -> dict[str, Any]:
    """Definition that `text` holds.

    Parameters
    ----------
    text
        Amazon States Language, JSON.
    machine_type
        "STANDARD" or "EXPRESS", which supports less.

    Raises
    ------
    InvalidDefinition
        If CreateStateMachine would refuse it; the message is its answer and names every error.
    """
    found = diagnostics(text, machine_type=machine_type)
    if found:
        raise InvalidDefinition(f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")
    definition: dict[str, Any] = json_text.parse(text)
    return definition


def diagnostics(text: str, *, machine_type: str = "STANDARD") -> list[Diagnostic]:
    """Every error in `text`, in the order of the document; empty if the definition is good."""
    findings = Findings()
    if len(text) > MAX_CHARACTERS:
        findings.add(f"Definition must not have more than {MAX_CHARACTERS} characters", None)
        return findings.diagnostics
    try:
        _check(findings, text, machine_type)
    except (json_text.NestedTooDeeply, RecursionError):
        findings.add("The states are too deeply nested", None, "TOO_DEEPLY_NESTED")
    except json_text.JsonError as problem:
        message = f"{problem.message}\n at {problem.location}"
        findings.add(message, problem.location, "INVALID_JSON_DESCRIPTION")
    return findings.diagnostics


def _check(findings: Findings, text: str, machine_type: str) -> None:
    definition = json_text.parse(text) if text.strip() else None
    if not isinstance(definition, dict):
        findings.add("Definition must be a valid JSON object", None)
        return
    check_machine(findings, definition, machine_type)
    if not findings.diagnostics:
        # Where states lead is only worth asking once each is well formed.
        transitions.check(findings, definition)

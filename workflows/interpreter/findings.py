"""What ValidateStateMachineDefinition reports about a definition, and the checks of single values.

The wording is that of Step Functions, as far as it is publicly known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = "SCHEMA_VALIDATION_FAILED"
_TYPES: dict[str, tuple[type, ...]] = {
    "[STRING]": (str,),
    "[OBJECT]": (dict,),
    "[ARRAY]": (list,),
    "[BOOLEAN]": (bool,),
    "Integer": (int,),
    "[NUMBER]": (int, float),
}


@dataclass(frozen=True)
class Diagnostic:
    """One finding.

    Attributes
    ----------
    severity
        "ERROR": the definition is refused.
    code
        E.g. "SCHEMA_VALIDATION_FAILED" (API reference, "ValidateStateMachineDefinitionDiagnostic").
    message
        What is wrong.
    location
        Where, e.g. "/States/Score/Retry[0]"; None if Step Functions names no place.
    """

    severity: str
    code: str
    message: str
    location: str | None = None

    def __str__(self) -> str:
        # A missing place is shown as "null" by CreateStateMachine.
        return f"{self.code}: {self.message} at {self.location or 'null'}"


class Findings:
    """Collects diagnostics, each once."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def add(self, message: str, location: str | None, code: str = SCHEMA) -> None:
        """Report an error."""
        found = Diagnostic("ERROR", code, message, location)
        if found not in self.diagnostics:
            self.diagnostics.append(found)

    def of_type(self, value: Any, kind: str, location: str) -> bool:
        """Report `value` if it is not of the type that AWS calls `kind`, and say whether it is."""
        fits = isinstance(value, _TYPES[kind]) and (kind == "[BOOLEAN]" or not isinstance(value, bool))
        if not fits:
            self.add(f"Expected value of type {kind}", location)
        return fits

    def has(self, holder: Mapping[str, Any], field: str, kind: str, location: str) -> bool:
        """Say whether a field is there and of the type that AWS calls `kind`; report it if it is of another."""
        return field in holder and self.of_type(holder[field], kind, f"{location}/{field}")

    def one_of(self, value: Any, allowed: Sequence[str], location: str) -> bool:
        """Report a value outside an enumeration."""
        if not self.of_type(value, "[STRING]", location):
            return False
        if value not in allowed:
            self.add(f"Value should be one of the following: [{', '.join(allowed)}]", location)
        return value in allowed

    def within(
        self, value: Any, location: str, *, least: float | None, most: float | None, integer: bool = True
    ) -> None:
        """Report a number that is of the wrong type or out of bounds."""
        if not self.of_type(value, "Integer" if integer else "[NUMBER]", location):
            return
        if least is not None and value < least:
            self.add(f"Minimum value is {least}", location)
        if most is not None and value > most:
            self.add(f"Maximum value is {most}", location)

    def required(self, value: Mapping[str, Any], fields: Sequence[str], location: str) -> None:
        """Report the fields that are missing."""
        if missing := [name for name in fields if name not in value]:
            self.add(f"These fields are required: [{', '.join(missing)}]", location)

    def known(self, value: Mapping[str, Any], fields: Collection[str], location: str) -> None:
        """Report every field that does not belong there, by name."""
        for name in value:
            if name not in fields:
                self.add(f"Field '{name}' is not supported", location)

    def at_most_one(self, value: Mapping[str, Any], fields: Sequence[str], location: str) -> None:
        """Report fields that exclude each other."""
        if sum(name in value for name in fields) > 1:
            self.add(f"There should only be one of the following fields: [{', '.join(fields)}]", location)

    def exactly_one(self, value: Mapping[str, Any], fields: Sequence[str], location: str) -> None:
        """Report none or more than one of `fields`."""
        if not any(name in value for name in fields):
            self.add(f"This object should have only one of the following fields: [{', '.join(fields)}]", location)
        self.at_most_one(value, fields, location)

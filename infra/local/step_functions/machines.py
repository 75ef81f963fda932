"""State machines as executions need them: which definition, role and type an ARN stands for."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from infra.local.emulator import StateMachineRecords
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.errors import missing_machine
from workflows.interpreter import load

OWNED_KEY = {"type": "AWS_OWNED_KEY"}
"""The `encryptionConfiguration` of what names no key."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine at one moment: what an execution that starts now will run to its end, and when redriven.

    Attributes
    ----------
    arn
        Without version or alias.
    definition
        Amazon States Language.
    type
        ``STANDARD`` or ``EXPRESS``.
    logging
        The `loggingConfiguration`.
    version_arn, alias_arn
        Through which it was named.
    revision_id
        Which state of the machine it is.
    encryption
        The `encryptionConfiguration`.
    """

    arn: str
    name: str
    definition: str
    role_arn: str
    type: str
    logging: Mapping[str, Any] = field(default_factory=dict)
    version_arn: str | None = None
    alias_arn: str | None = None
    tracing: Mapping[str, Any] = field(default_factory=lambda: {"enabled": False})
    revision_id: str | None = None
    encryption: Mapping[str, Any] = field(default_factory=lambda: dict(OWNED_KEY))

    @property
    def express(self) -> bool:
        """Whether its executions are Express executions."""
        return self.type == "EXPRESS"

    def parsed(self) -> Mapping[str, Any]:
        """Return the definition, checked.

        Raises
        ------
        InvalidDefinition
            If Step Functions would not have taken it.
        """
        return _parsed(self.definition, self.type)

    def save(self) -> dict[str, Any]:
        """Return what survives a restart."""
        return asdict(self)


class Machines:
    """The state machines, versions and aliases of the emulator, in the scope of the request."""

    def __init__(self, records: StateMachineRecords) -> None:
        self._records = records

    def resolve(self, arn: str) -> Machine:
        """Find what `arn` names: a state machine, a version, or an alias, which picks a version by weight.

        Raises
        ------
        ApiError
            ``InvalidArn`` or ``StateMachineDoesNotExist``.
        """
        Arn.parse(arn, "stateMachine")
        records = self._records
        if (record := records.machines.get(arn)) is not None:
            return _machine(arn, record["name"], record)
        alias_arn = None
        version_arn = arn
        if (alias := records.aliases.get(arn)) is not None:
            alias_arn = arn
            version_arn = _pick(alias["routingConfiguration"])
        version = records.versions.get(version_arn)
        if version is None:
            raise missing_machine(arn)
        base_arn = version["stateMachineArn"]
        name = base_arn.rsplit(":", 1)[-1]
        return _machine(base_arn, name, version, version_arn=version_arn, alias_arn=alias_arn)

    def all(self) -> list[dict[str, Any]]:
        """Give the emulator's records of all state machines of the scope, by name."""
        return sorted(self._records.machines.values(), key=lambda record: str(record["name"]))

    def record(self, arn: str | None) -> dict[str, Any] | None:
        """Give the emulator's record of a state machine."""
        return cast("dict[str, Any] | None", self._records.machines.get(arn))

    def version(self, arn: str | None) -> dict[str, Any] | None:
        """Give the emulator's record of a version."""
        return cast("dict[str, Any] | None", self._records.versions.get(arn))

    def versions_of(self, arn: str) -> list[dict[str, Any]]:
        """Give the emulator's records of the versions of a state machine, the oldest first."""
        return [version for version in self._records.versions.values() if version["stateMachineArn"] == arn]

    def published(self, arn: str, revision: str) -> dict[str, Any] | None:
        """Give the emulator's record of the version that a revision of a state machine was published as."""
        versions = self.versions_of(arn)
        return next((version for version in versions if version["stateMachineRevisionId"] == revision), None)

    def alias(self, arn: str) -> dict[str, Any] | None:
        """Give the record of an alias."""
        return cast("dict[str, Any] | None", self._records.aliases.get(arn))

    def put_alias(self, alias: dict[str, Any]) -> None:
        """Keep the record of an alias."""
        self._records.aliases[alias["stateMachineAliasArn"]] = alias

    def remove_alias(self, arn: str) -> None:
        """Forget an alias; nothing happens if it is not there."""
        self._records.aliases.pop(arn, None)

    def aliases_of(self, arn: str) -> list[dict[str, Any]]:
        """Give the records of the aliases of a state machine, the oldest first."""
        return [
            alias for alias in self._records.aliases.values() if alias["stateMachineAliasArn"].rpartition(":")[0] == arn
        ]

    def remove(self, arn: str) -> None:
        """Forget a state machine with its versions and aliases."""
        for alias in self.aliases_of(arn):
            self._records.aliases.pop(alias["stateMachineAliasArn"])
        for version in self.versions_of(arn):
            self._records.versions.pop(version["stateMachineVersionArn"])
        self._records.machines.pop(arn, None)


def _machine(
    arn: str,
    name: str,
    record: Mapping[str, Any],
    *,
    version_arn: str | None = None,
    alias_arn: str | None = None,
) -> Machine:
    return Machine(
        arn=arn,
        name=name,
        definition=record["definition"],
        role_arn=record["roleArn"],
        type=record.get("type", "STANDARD"),
        logging=record.get("loggingConfiguration") or {"level": "OFF", "includeExecutionData": False},
        version_arn=version_arn,
        alias_arn=alias_arn,
        tracing=record.get("tracingConfiguration") or {"enabled": False},
        revision_id=record.get("revisionId") or record.get("stateMachineRevisionId"),
        encryption=record.get("encryptionConfiguration") or dict(OWNED_KEY),
    )


def _pick(routing: list[dict[str, Any]]) -> str:
    weights = [route["weight"] for route in routing]
    chosen: dict[str, Any] = random.choices(routing, weights=weights)[0]  # noqa: S311 - traffic, no secret
    return str(chosen["stateMachineVersionArn"])


@functools.lru_cache(maxsize=256)
def _parsed(definition: str, machine_type: str) -> Mapping[str, Any]:
    return load(definition, machine_type=machine_type)

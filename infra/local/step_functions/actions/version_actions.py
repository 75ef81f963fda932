"""Versions and aliases: the emulator keeps them; AWS's refusals and repeated requests are answered here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.local.step_functions.actions.machine_actions import HandOn
from infra.local.step_functions.errors import ApiError, missing_machine
from infra.local.step_functions.machines import Machines

Routes = Sequence[dict[str, Any]]


class VersionActions:
    """Operations on versions and aliases of state machines."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    async def publish(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer PublishStateMachineVersion; a revision that is published already keeps its version."""
        arn = request["stateMachineArn"]
        record = self._machines.record(arn)
        if record is None:
            raise missing_machine(arn)
        revision, wanted = record["revisionId"], request.get("revisionId")
        if wanted not in (None, revision):
            raise ApiError(
                "ConflictException",
                f"Failed to publish the State Machine version for revision {wanted}. "
                f"The current State Machine revision is {revision}.",
            )
        if (version := self._machines.published(arn, revision)) is not None:
            return {
                "stateMachineVersionArn": version["stateMachineVersionArn"],
                "creationDate": datetime.fromisoformat(version["creationDate"]).timestamp(),
            }
        return await hand_on(request)

    async def delete(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer DeleteStateMachineVersion."""
        arn = request["stateMachineVersionArn"]
        users = [
            alias["name"]
            for alias in self._machines.aliases_of(arn.rpartition(":")[0])
            if arn in _versions(alias["routingConfiguration"])
        ]
        if users:
            raise ApiError(
                "ConflictException",
                "Version to be deleted must not be referenced by an alias. "
                f"Current list of aliases referencing this version: [{', '.join(users)}]",
            )
        return await hand_on(request)

    async def create_alias(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer CreateStateMachineAlias; the same alias again is the same."""
        routes = request["routingConfiguration"]
        self._check(routes)
        alias_arn = f"{_versions(routes)[0].rpartition(':')[0]}:{request['name']}"
        existing = self._machines.alias(alias_arn)
        if existing is None:
            return await hand_on(request)
        if existing["routingConfiguration"] != routes or existing["description"] != request.get("description", ""):
            raise ApiError(
                "ConflictException",
                "Failed to create alias because an alias with the same name and a different routing configuration "
                "already exists.",
            )
        created = datetime.fromisoformat(existing["creationDate"]).timestamp()
        return {"stateMachineAliasArn": alias_arn, "creationDate": created}

    async def update_alias(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer UpdateStateMachineAlias."""
        if self._machines.alias(request["stateMachineAliasArn"]) is None:
            raise ApiError("ResourceNotFound", "Request references a resource that does not exist.")
        if "routingConfiguration" in request:
            self._check(request["routingConfiguration"])
        return await hand_on(request)

    async def list_aliases(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer ListStateMachineAliases: by creation."""
        answer = await hand_on(request)
        answer["stateMachineAliases"].sort(key=lambda alias: alias["creationDate"])
        return answer

    def _check(self, routes: Routes) -> None:
        arns, weights = _versions(routes), [route["weight"] for route in routes]
        if any(self._machines.version(arn) is None for arn in arns):
            raise _invalid_routing("must contain state machine version ARNs", arns)
        if len(set(arns)) < len(arns):
            raise _invalid_routing("must contain distinct state machine version ARNs", arns)
        if sum(weights) != 100:
            message = f"Sum of routing configuration weights must equal 100. Received: {weights}"
            raise ApiError("ValidationException", message)


def _versions(routes: Routes) -> list[str]:
    return [route["stateMachineVersionArn"] for route in routes]


def _invalid_routing(problem: str, arns: list[str]) -> ApiError:
    return ApiError("ValidationException", f"Routing configuration {problem}. Received: [{', '.join(arns)}]")

"""Versions and aliases of state machines, with AWS's refusals and answers to repeated requests.

Sources: Step Functions API reference, "CreateStateMachineAlias" and "PublishStateMachineVersion"; developer guide,
"Service quotas" (versions and aliases); recorded answers of AWS.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.local.step_functions.actions.caller import Caller
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.errors import (
    ApiError,
    deleting_machine,
    invalid,
    missing_machine,
    missing_reference,
    quota_exceeded,
)
from infra.local.step_functions.machines import Machines
from infra.local.step_functions.paging import page
from infra.local.step_functions.records import now
from infra.local.step_functions.store import Store

MOST_VERSIONS = 1000
MOST_ALIASES = 100

Routes = Sequence[dict[str, Any]]


class VersionActions:
    """Operations on versions and aliases of state machines."""

    def __init__(self, machines: Machines, store: Store) -> None:
        self._machines = machines
        self._store = store

    async def publish(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer PublishStateMachineVersion; a revision that is published already keeps its version."""
        arn = request["stateMachineArn"]
        record = self._existing(arn)
        if arn in self._store.deleting:
            raise deleting_machine(arn)
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
                "creationDate": _seconds(version["creationDate"]),
            }
        check_room_for_version(self._machines, arn)
        answer = await caller.hand_on(request)
        if (made := self._machines.version(answer["stateMachineVersionArn"])) is not None:
            made["tracingConfiguration"] = record.get("tracingConfiguration")
        return answer

    async def delete(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer DeleteStateMachineVersion, also for one that is not there."""
        arn = request["stateMachineVersionArn"]
        if not (Arn.parse(arn, "stateMachine").qualifier or "").isdecimal():
            raise invalid(f"The ARN must be that of a state machine version. Received: {arn}")
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
        return await caller.hand_on(request)

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListStateMachineVersions: the latest first, none of a machine that is not there."""
        arn = request["stateMachineArn"]
        versions, more = page(self._machines.versions_of(arn)[::-1], request, f"versions of {arn}", latest_first=True)
        return {"stateMachineVersions": [_entry(version, "stateMachineVersionArn") for version in versions], **more}

    def create_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer CreateStateMachineAlias; the same alias again is the same."""
        routes = request["routingConfiguration"]
        machine = self._routed_machine(routes)
        if machine in self._store.deleting:
            raise deleting_machine(machine)
        arn = f"{machine}:{request['name']}"
        existing = self._machines.alias(arn)
        if existing is None:
            if len(self._machines.aliases_of(machine)) >= MOST_ALIASES:
                raise quota_exceeded(f"A state machine can have {MOST_ALIASES} aliases at most: '{machine}'")
            moment = now().isoformat()
            existing = {
                "stateMachineAliasArn": arn,
                "name": request["name"],
                "description": request.get("description", ""),
                "routingConfiguration": routes,
                "creationDate": moment,
                "updateDate": moment,
            }
            self._machines.put_alias(existing)
        elif existing["routingConfiguration"] != routes or existing["description"] != request.get("description", ""):
            raise ApiError(
                "ConflictException",
                "Failed to create alias because an alias with the same name and a different routing configuration "
                "already exists.",
            )
        return {"stateMachineAliasArn": arn, "creationDate": _seconds(existing["creationDate"])}

    def update_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer UpdateStateMachineAlias."""
        alias, arn = self._alias(request), request["stateMachineAliasArn"]
        changes: dict[str, Any] = {
            name: request[name] for name in ("description", "routingConfiguration") if name in request
        }
        if not changes:
            raise invalid("Either the description or the routing configuration must be specified")
        if (
            "routingConfiguration" in changes
            and self._routed_machine(changes["routingConfiguration"]) != arn.rpartition(":")[0]
        ):
            raise _invalid_routing(
                "must contain versions of the alias's state machine", _versions(changes["routingConfiguration"])
            )
        moment = now()
        self._machines.put_alias({**alias, **changes, "updateDate": moment.isoformat()})
        return {"updateDate": moment.timestamp()}

    def describe_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeStateMachineAlias."""
        described = dict(self._alias(request))
        if not described["description"]:
            del described["description"]
        return described | {name: _seconds(described[name]) for name in ("creationDate", "updateDate")}

    def delete_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DeleteStateMachineAlias, also for one that is not there."""
        self._machines.remove_alias(request["stateMachineAliasArn"])
        return {}

    def list_aliases(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListStateMachineAliases, of a state machine or of one of its versions: by creation."""
        arn = request["stateMachineArn"]
        version = arn if (Arn.parse(arn, "stateMachine").qualifier or "").isdecimal() else None
        machine = arn if version is None else arn.rpartition(":")[0]
        self._existing(machine)
        aliases = [
            alias
            for alias in self._machines.aliases_of(machine)
            if version is None or version in _versions(alias["routingConfiguration"])
        ]
        shown, more = page(aliases, request, f"aliases of {arn}")
        return {"stateMachineAliases": [_entry(alias, "stateMachineAliasArn") for alias in shown], **more}

    def _existing(self, arn: str) -> dict[str, Any]:
        record = self._machines.record(arn)
        if record is None:
            raise missing_machine(arn)
        return record

    def _alias(self, request: dict[str, Any]) -> dict[str, Any]:
        alias = self._machines.alias(request["stateMachineAliasArn"])
        if alias is None:
            raise missing_reference()
        return alias

    def _routed_machine(self, routes: Routes) -> str:
        """Check the routes of an alias, and give the ARN of the state machine whose versions they name."""
        arns, weights = _versions(routes), [route["weight"] for route in routes]
        if not all((Arn.parse(arn, "stateMachine").qualifier or "").isdecimal() for arn in arns):
            raise _invalid_routing("must contain state machine version ARNs", arns)
        if len(set(arns)) < len(arns):
            raise _invalid_routing("must contain distinct state machine version ARNs", arns)
        machines = {arn.rpartition(":")[0] for arn in arns}
        if len(machines) > 1:
            raise _invalid_routing("must contain versions of the same state machine", arns)
        if any(self._machines.version(arn) is None for arn in arns):
            raise missing_reference()
        if sum(weights) != 100:
            raise invalid(f"Sum of routing configuration weights must equal 100. Received: {weights}")
        return machines.pop()


def check_room_for_version(machines: Machines, arn: str) -> None:
    """Refuse one version more than a state machine can have.

    Raises
    ------
    ApiError
        ``ServiceQuotaExceededException``.
    """
    if len(machines.versions_of(arn)) >= MOST_VERSIONS:
        raise quota_exceeded(f"A state machine can have {MOST_VERSIONS} versions at most: '{arn}'")


def _versions(routes: Routes) -> list[str]:
    return [route["stateMachineVersionArn"] for route in routes]


def _invalid_routing(problem: str, arns: list[str]) -> ApiError:
    return invalid(f"Routing configuration {problem}. Received: [{', '.join(arns)}]")


def _entry(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {name: record[name], "creationDate": _seconds(record["creationDate"])}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

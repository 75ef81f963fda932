"""State machines: the emulator keeps them; what it does not check, and AWS does, is checked here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from infra.local.step_functions.actions.caller import Caller
from infra.local.step_functions.actions.version_actions import check_room_for_version
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.definitions import diagnostics
from infra.local.step_functions.deletions import Deletions
from infra.local.step_functions.errors import ApiError, deleting_machine, invalid, missing_machine
from infra.local.step_functions.machines import OWNED_KEY, Machines
from infra.local.step_functions.paging import page
from infra.local.step_functions.records import epoch
from infra.local.step_functions.settings import Settings, check_name, check_version_description
from infra.local.step_functions.store import Store
from infra.local.step_functions.tags import Tags, checked

FIRST_REVISION = "INITIAL"
"""Revision of a machine that was never changed; only CloudFormation tells of it (`StateMachineRevisionId`)."""

MOST_DIAGNOSTICS = 100

_NO_TRACING = {"enabled": False}
_CHANGEABLE = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


class MachineActions:
    """Operations on state machines."""

    def __init__(self, machines: Machines, store: Store, settings: Settings, tags: Tags, deletions: Deletions) -> None:
        self._machines = machines
        self._store = store
        self._settings = settings
        self._tags = tags
        self._deletions = deletions

    async def create(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer CreateStateMachine: refuse what AWS refuses, then let the emulator keep it."""
        check_name(request["name"])
        check_version_description(request)
        arn = caller.arn("stateMachine", request["name"])
        if arn in self._store.deleting:
            raise deleting_machine(arn)
        await self._settings.check(request, caller.account, caller.region)
        _check_definition(request["definition"], request.get("type", "STANDARD"))
        tags = checked(request.get("tags", ()), arn, system=caller.of_aws)
        existing = self._machines.record(arn)
        tracing = request.get("tracingConfiguration") or _NO_TRACING
        taken = ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
        if existing is not None and (existing.get("tracingConfiguration") or _NO_TRACING) != tracing:
            raise taken
        try:
            # The emulator refuses roles that IAM does not have; `Roles` says why they are taken here.
            answer = await caller.hand_on({**request, "roleArn": "", "tags": []})
        except ApiError as refusal:
            raise (taken if refusal.code == taken.code else refusal) from None
        if existing is None:
            self._tags.put(arn, tags)
            settings = {"roleArn": request["roleArn"], "tracingConfiguration": tracing}
            self._machines.record(arn).update(settings, revisionId=FIRST_REVISION)  # type: ignore[union-attr]
            if (version := self._machines.version(answer.get("stateMachineVersionArn"))) is not None:
                version.update(settings, stateMachineRevisionId=FIRST_REVISION)
        return answer

    async def update(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer UpdateStateMachine."""
        arn = request["stateMachineArn"]
        record = self._machines.record(arn)
        if record is None:
            raise missing_machine(arn)
        if arn in self._store.deleting:
            raise deleting_machine(arn)
        if not any(name in request for name in _CHANGEABLE):
            raise ApiError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
                "specified",
            )
        check_version_description(request)
        await self._settings.check(request, caller.account, caller.region)
        if "definition" in request:
            _check_definition(request["definition"], record["type"])
        encryption = {"encryptionConfiguration": await self._settings.encryption(request)}
        wanted = request | (encryption if "encryptionConfiguration" in request else {})
        unchanged = all(wanted[name] == record.get(name) for name in _CHANGEABLE if name in request)
        revision = record["revisionId"]
        published = self._machines.published(arn, revision) if unchanged and request.get("publish") else None
        if request.get("publish") and published is None:
            check_room_for_version(self._machines, arn)
        answer = await caller.hand_on(request if published is None else {**request, "publish": False})
        if "tracingConfiguration" in request:
            record["tracingConfiguration"] = request["tracingConfiguration"]
        made = self._machines.version(answer.get("stateMachineVersionArn"))
        if unchanged:  # the emulator makes a new revision of every update, AWS of one that changes something
            record["revisionId"] = revision
        if made is not None:
            made.update(stateMachineRevisionId=record["revisionId"], tracingConfiguration=_tracing(record))
        if published is not None:
            answer["stateMachineVersionArn"] = published["stateMachineVersionArn"]
        return _without_first_revision({**answer, "revisionId": record["revisionId"]})

    async def describe(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer DescribeStateMachine."""
        arn = request["stateMachineArn"]
        answer = await caller.hand_on(request)
        logging = {"level": "OFF", "includeExecutionData": False} | (answer.get("loggingConfiguration") or {})
        if not answer.get("description"):
            answer.pop("description", None)
        described = {
            "tracingConfiguration": _tracing(self._machines.version(arn) or {}),
            "encryptionConfiguration": dict(OWNED_KEY),
            **answer,
            "loggingConfiguration": logging,
        }
        if arn in self._store.deleting:
            described["status"] = "DELETING"
        return _without_first_revision(_included(described, request))

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DeleteStateMachine, also for one that is not there."""
        arn = request["stateMachineArn"]
        if Arn.parse(arn, "stateMachine").qualifier is not None:
            raise invalid(f"Deleting a state machine needs its unqualified ARN. Received: {arn}")
        if self._machines.record(arn) is not None:
            self._deletions.begin(arn)
        return {}

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListStateMachines."""
        entries, more = page(self._machines.all(), request, "ListStateMachines")
        members = ("stateMachineArn", "name", "type", "creationDate")
        listed = [{name: entry[name] for name in members} for entry in entries]
        for entry in listed:
            entry["creationDate"] = datetime.fromisoformat(entry["creationDate"]).timestamp()
        return {"stateMachines": listed, **more}

    def of_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeStateMachineForExecution."""
        arn = request["executionArn"]
        map_run = None
        if (found := self._store.child(arn)) is not None:
            map_run = found[0]
            arn = map_run.execution_arn
        record = self._store.get(arn)
        machine = record.machine
        answer = {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "definition": machine.definition,
            "roleArn": machine.role_arn,
            "updateDate": epoch(record.started),
            "loggingConfiguration": dict(machine.logging),
            "tracingConfiguration": dict(machine.tracing),
            "encryptionConfiguration": dict(machine.encryption),
        }
        if machine.revision_id is not None:
            answer["revisionId"] = machine.revision_id
        if map_run is not None:
            answer |= {"mapRunArn": map_run.arn, "label": map_run.label}
        return _without_first_revision(_included(answer, request))

    def validate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ValidateStateMachineDefinition. What is found are errors, whatever `severity` is asked for."""
        found = diagnostics(request["definition"], machine_type=request.get("type", "STANDARD"))
        most = request.get("maxResults") or MOST_DIAGNOSTICS
        shown = [
            {
                "severity": one.severity,
                "code": one.code,
                "message": one.message,
                **({} if one.location is None else {"location": one.location}),
            }
            for one in found[:most]
        ]
        return {"result": "FAIL" if found else "OK", "diagnostics": shown, "truncated": len(found) > most}


def _check_definition(definition: str, machine_type: str) -> None:
    found = diagnostics(definition, machine_type=machine_type)
    if found:
        message = f"Invalid State Machine Definition: '{', '.join(map(str, found))}'"
        raise ApiError("InvalidDefinition", message)


def _tracing(record: dict[str, Any]) -> dict[str, Any]:
    return dict(record.get("tracingConfiguration") or _NO_TRACING)


def _included(description: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Leave out the definition when only metadata is asked for (API reference, `includedData`)."""
    return {**description, "definition": "{}"} if request.get("includedData") == "METADATA_ONLY" else description


def _without_first_revision(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out the `revisionId` of a machine that was never changed."""
    return {name: value for name, value in answer.items() if (name, value) != ("revisionId", FIRST_REVISION)}

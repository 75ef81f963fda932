"""State machines: the emulator keeps them; what it does not check, and AWS does, is checked here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from infra.local.step_functions.arns import Arn
from infra.local.step_functions.errors import ApiError, missing_machine, missing_resource
from infra.local.step_functions.machines import Machines
from infra.local.step_functions.paging import page
from infra.local.step_functions.records import epoch
from infra.local.step_functions.store import Store
from workflows.interpreter import InvalidDefinition, load
from workflows.interpreter.definition import diagnostics

HandOn = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Lets the emulator answer a request; raises `ApiError` with the emulator's refusal."""

FIRST_REVISION = "INITIAL"
"""Revision of a machine that was never changed; only CloudFormation tells of it (`StateMachineRevisionId`)."""

_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_LONGEST_NAME = 80


class MachineActions:
    """Operations on state machines."""

    def __init__(self, machines: Machines, store: Store) -> None:
        self._machines = machines
        self._store = store

    async def create(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer CreateStateMachine: refuse what AWS refuses, then let the emulator keep it."""
        check_name(request["name"])
        _check_version_description(request)
        _check_logging(request.get("loggingConfiguration"))
        _check_definition(request["definition"], request.get("type", "STANDARD"))
        try:
            # The emulator refuses roles that IAM does not have; `Roles` says why they are taken here.
            answer = await hand_on({**request, "roleArn": ""})
        except ApiError as refusal:
            if refusal.code != "StateMachineAlreadyExists":
                raise
            taken = next(record for record in self._machines.all() if record["name"] == request["name"])
            raise ApiError(refusal.code, f"State Machine Already Exists: '{taken['stateMachineArn']}'") from None
        settings: dict[str, Any] = {
            name: request[name] for name in ("roleArn", "tracingConfiguration") if name in request
        }
        made = (
            (self._machines.record(answer["stateMachineArn"]), "revisionId"),
            (self._machines.version(answer.get("stateMachineVersionArn")), "stateMachineRevisionId"),
        )
        for record, revision in made:
            if record is not None and not record["roleArn"]:
                record.update(settings, **{revision: FIRST_REVISION})
        return answer

    async def update(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer UpdateStateMachine."""
        arn = request["stateMachineArn"]
        Arn.parse(arn, "stateMachine")
        record = self._machines.record(arn)
        if record is None:
            raise missing_machine(arn)
        changeable = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration")
        if not any(name in request for name in (*changeable, "encryptionConfiguration")):
            raise ApiError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
                "specified",
            )
        _check_version_description(request)
        _check_logging(request.get("loggingConfiguration"))
        if "definition" in request:
            _check_definition(request["definition"], record["type"])
        unchanged = all(request[name] == record.get(name) for name in changeable if name in request)
        revision = record["revisionId"]
        published = self._machines.published(arn, revision) if unchanged and request.get("publish") else None
        answer = await hand_on(request if published is None else {**request, "publish": False})
        if "tracingConfiguration" in request:
            record["tracingConfiguration"] = request["tracingConfiguration"]
        if unchanged:  # the emulator makes a new revision of every update, AWS of one that changes something
            record["revisionId"] = revision
            if (made := self._machines.version(answer.get("stateMachineVersionArn"))) is not None:
                made["stateMachineRevisionId"] = revision
        if published is not None:
            answer["stateMachineVersionArn"] = published["stateMachineVersionArn"]
        return _without_first_revision({**answer, "revisionId": record["revisionId"]})

    async def describe(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer DescribeStateMachine."""
        Arn.parse(request["stateMachineArn"], "stateMachine")
        answer = await hand_on(request)
        logging = {"level": "OFF", "includeExecutionData": False} | (answer.get("loggingConfiguration") or {})
        if not answer.get("description"):
            answer.pop("description", None)
        described = {"tracingConfiguration": {"enabled": False}, **answer, "loggingConfiguration": logging}
        return _without_first_revision(described)

    async def tag(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer TagResource. State machines and activities have tags; versions and aliases have none."""
        arn = request["resourceArn"]
        if Arn.parse(arn, "stateMachine", "activity").kind == "stateMachine" and self._machines.record(arn) is None:
            raise missing_resource(arn)
        return await hand_on(request)

    async def delete(self, request: dict[str, Any], hand_on: HandOn) -> dict[str, Any]:
        """Answer DeleteStateMachine, also for one that is not there."""
        Arn.parse(request["stateMachineArn"], "stateMachine")
        if self._machines.record(request["stateMachineArn"]) is None:
            return {}
        self._machines.forget_versions(request["stateMachineArn"])
        return await hand_on(request)

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListStateMachines."""
        entries, more = page(self._machines.all(), {"maxResults": 1000, **request}, "ListStateMachines")
        members = ("stateMachineArn", "name", "type", "creationDate")
        listed = [{name: entry[name] for name in members} for entry in entries]
        for entry in listed:
            entry["creationDate"] = datetime.fromisoformat(entry["creationDate"]).timestamp()
        return {"stateMachines": listed, **more}

    def of_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeStateMachineForExecution."""
        arn = request["executionArn"]
        Arn.parse(arn, "execution")
        map_run_arn = None
        if (found := self._store.child(arn)) is not None:
            map_run_arn = found[0].arn
            arn = found[0].execution_arn
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
        }
        if machine.revision_id is not None:
            answer["revisionId"] = machine.revision_id
        return _without_first_revision(answer if map_run_arn is None else {**answer, "mapRunArn": map_run_arn})

    def validate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ValidateStateMachineDefinition."""
        found = diagnostics(request["definition"], machine_type=request.get("type", "STANDARD"))
        most = request.get("maxResults") or 100
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


def check_name(name: str) -> None:
    """Check the name of a state machine, an execution or an activity.

    Raises
    ------
    ApiError
        ``InvalidName``.
    """
    if not name or len(name) > _LONGEST_NAME or _BAD_NAME.search(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")


def _check_definition(definition: str, machine_type: str) -> None:
    try:
        load(definition, machine_type=machine_type)
    except InvalidDefinition as problem:
        raise ApiError("InvalidDefinition", str(problem)) from problem


def _without_first_revision(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out the `revisionId` of a machine that was never changed."""
    return {name: value for name, value in answer.items() if (name, value) != ("revisionId", FIRST_REVISION)}


def _check_version_description(request: dict[str, Any]) -> None:
    if "versionDescription" in request and not request.get("publish"):
        raise ApiError("ValidationException", "Version description can only be set when publish is true")


def _check_logging(configuration: dict[str, Any] | None) -> None:
    if not configuration or configuration.get("level", "OFF") == "OFF":
        return
    destinations = configuration.get("destinations") or []
    if [bool(destination.get("cloudWatchLogsLogGroup")) for destination in destinations] != [True]:
        raise ApiError(
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        )

"""Executions: started, stopped, redriven, described and listed."""

from __future__ import annotations

import asyncio
import math
import uuid
from datetime import timedelta
from typing import Any

from infra.local.step_functions.announcements import Announcements
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import (
    ApiError,
    deleting_machine,
    invalid,
    missing_execution,
    unsupported_type,
)
from infra.local.step_functions.machines import Machine, Machines
from infra.local.step_functions.paging import page
from infra.local.step_functions.records import ExecutionRecord, describe_child, epoch, list_child, now
from infra.local.step_functions.settings import check_name
from infra.local.step_functions.store import Store
from infra.local.step_functions.texts import NoJsonError, json_of
from workflows.interpreter import InvalidDefinition, Journal

RUNNING_LIMIT = 1_000_000
"""Executions that may run at once (developer guide, "Quotas")."""

TOKEN_LIFETIME = timedelta(minutes=15)
"""How long a `clientToken` stands for its redrive (API reference, "RedriveExecution")."""

_BILLED_MILLIS = 100  # Express executions are billed by the started 100 ms …
_BILLED_MEGABYTES = 64  # … and by 64 MB of memory, which no local execution exceeds measurably
_PAYLOADS = ("input", "inputDetails", "output", "outputDetails")
_ENCRYPTED = (*_PAYLOADS, "error", "cause")


class ExecutionActions:
    """Operations on executions."""

    def __init__(self, machines: Machines, store: Store, engine: Engine, announcements: Announcements) -> None:
        self._machines = machines
        self._store = store
        self._engine = engine
        self._announcements = announcements

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer StartExecution. The same name and input again, while it runs, is the same execution."""
        record = self._new_record(request)
        if not record.machine.express:
            existing = self._store.find(record.arn)
            if existing is not None:
                if existing.status == "RUNNING" and existing.input == record.input:
                    return {"executionArn": existing.arn, "startDate": epoch(existing.started)}
                raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{record.arn}'")
            self._check_limit()
            self._store.add(record)
        self._announcements.status(record)
        self._engine.start(record)
        return {"executionArn": record.arn, "startDate": epoch(record.started)}

    async def start_sync(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer StartSyncExecution when the Express execution has ended."""
        record = self._new_record(request)
        if not record.machine.express:
            raise unsupported_type()
        record.synchronous = True
        await asyncio.wrap_future(self._engine.start(record))
        described = record.describe()
        members = (
            "executionArn",
            "stateMachineArn",
            "name",
            "startDate",
            "stopDate",
            "status",
            "error",
            "cause",
            "input",
            "inputDetails",
            "output",
            "traceHeader",
        )
        millis = (described["stopDate"] - described["startDate"]) * 1000
        answer = {name: described[name] for name in members if name in described}
        return {
            **_included(answer | {"outputDetails": {"included": True}}, request),
            "billingDetails": {
                "billedMemoryUsedInMB": _BILLED_MEGABYTES,
                "billedDurationInMilliseconds": max(math.ceil(millis / _BILLED_MILLIS), 1) * _BILLED_MILLIS,
            },
        }

    async def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer StopExecution when everything that the execution ran has been stopped."""
        record = self._store.get(request["executionArn"])
        if record.status == "RUNNING":
            await self._engine.stop(record, request.get("error"), request.get("cause"))
        return {"stopDate": epoch(record.stopped or now())}

    def redrive(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer RedriveExecution. The same `clientToken` again is the same redrive."""
        record = self._store.get(request["executionArn"])
        token = request.get("clientToken")
        answered = record.redrive_tokens.get(token) if token else None
        if answered is not None and now() - answered < TOKEN_LIFETIME:
            return {"redriveDate": epoch(answered)}
        reason = record.not_redrivable()
        if reason is not None:
            raise ApiError("ExecutionNotRedrivable", reason)
        self._check_limit()
        record.begin_again()
        redriven = record.redriven or now()
        if token is not None:
            record.redrive_tokens[token] = redriven
        self._announcements.status(record)
        self._engine.start(record)
        return {"redriveDate": epoch(redriven)}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeExecution, also for a child of a Map Run."""
        arn = request["executionArn"]
        if (found := self._store.child(arn)) is not None:
            return _included(describe_child(*found), request)
        return _included(self._store.get(arn).describe(), request)

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListExecutions: the latest first."""
        if "mapRunArn" in request and "stateMachineArn" in request:
            raise invalid("Must provide either a State Machine ARN or a Map Run ARN, not both.")
        if "mapRunArn" in request:
            scope = request["mapRunArn"]
            map_run = self._store.map_run(scope)
            children = [child for child in map_run.children or () if child.started is not None]
            entries = [list_child(map_run, child) for child in reversed(children)]
        else:
            scope = request.get("stateMachineArn") or ""
            if not scope:
                raise invalid("Must provide a State Machine ARN or Map Run ARN.")
            machine = self._machines.resolve(scope)
            if machine.express:
                raise unsupported_type()
            records = [record for record in self._store.of_machine(machine.arn) if _named(record, scope)]
            entries = [record.listing() for record in reversed(records)]
        status, redriven = request.get("statusFilter"), request.get("redriveFilter")
        entries = [
            entry
            for entry in entries
            if status in (None, entry["status"])
            and (redriven is None or (entry["redriveCount"] > 0) == (redriven == "REDRIVEN"))
        ]
        shown, more = page(entries, request, f"{scope} {status} {redriven}", latest_first=True)
        return {"executions": list(shown), **more}

    def history(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer GetExecutionHistory."""
        arn = request["executionArn"]
        journal = self._journal(arn)
        events = list(journal.events)
        backwards = bool(request.get("reverseOrder"))
        if backwards:
            events.reverse()
        shown, more = page(events, request, f"{arn} {backwards}", latest_first=backwards)
        data = request.get("includeExecutionData", True)
        return {"events": [_event(event.history(), data=data) for event in shown], **more}

    def _new_record(self, request: dict[str, Any]) -> ExecutionRecord:
        machine = self._machines.resolve(request["stateMachineArn"])
        if machine.arn in self._store.deleting:
            raise deleting_machine(machine.arn)
        name = request.get("name") or str(uuid.uuid4())
        check_name(name)
        text = request.get("input", "{}")
        _check_input(text)
        try:
            machine.parsed()
        except InvalidDefinition as problem:
            raise ApiError("InvalidDefinition", str(problem)) from problem
        arn = _execution_arn(machine, name)
        return ExecutionRecord(
            arn=arn,
            name=name,
            machine=machine,
            input=text,
            started=now(),
            trace_header=request.get("traceHeader"),
            journal=Journal(arn),
        )

    def _journal(self, arn: str) -> Journal:
        found = self._store.child(arn)
        if found is None:
            return self._store.get(arn).journal
        if found[1].journal is None:
            raise missing_execution(arn)
        return found[1].journal

    def _check_limit(self) -> None:
        if len(self._store.running()) >= RUNNING_LIMIT:
            raise ApiError("ExecutionLimitExceeded", f"{RUNNING_LIMIT} executions run already.")


def _execution_arn(machine: Machine, name: str) -> str:
    arn = Arn.parse(machine.arn, "stateMachine")
    if machine.express:
        return str(Arn(arn.region, arn.account, "express", f"{machine.name}:{name}:{uuid.uuid4()}"))
    return str(Arn(arn.region, arn.account, "execution", f"{machine.name}:{name}"))


def _check_input(text: str) -> None:
    if not text.strip():
        raise _bad_input("Invalid execution input.")
    try:
        json_of(text)
    except NoJsonError as problem:
        raise _bad_input(str(problem)) from problem


def _bad_input(problem: str) -> ApiError:
    return ApiError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{problem}'")


def _named(record: ExecutionRecord, arn: str) -> bool:
    """Whether an execution was started through the ARN of its machine, version or alias."""
    return arn in (record.machine.arn, record.machine.version_arn, record.machine.alias_arn)


def _included(description: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is encrypted when only metadata is asked for (API reference, `includedData`)."""
    if request.get("includedData") != "METADATA_ONLY":
        return description
    return {name: value for name, value in description.items() if name not in _ENCRYPTED}


def _event(history: dict[str, Any], *, data: bool) -> dict[str, Any]:
    event = {**history, "timestamp": history["timestamp"].timestamp()}
    if not data:
        for name, details in history.items():
            if isinstance(details, dict):
                event[name] = {key: value for key, value in details.items() if key not in _PAYLOADS}
    return event

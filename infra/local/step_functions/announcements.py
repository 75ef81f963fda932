"""What Step Functions tells other services of executions: events on EventBridge, lines in CloudWatch Logs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra.local.emulator import Services, StateMachines
from infra.local.errors import ServiceCallError
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.records import ExecutionRecord
from workflows.interpreter.journal import Event
from workflows.interpreter.payload import text_of

logger = logging.getLogger(__name__)

STATUS_CHANGE = "Step Functions Execution Status Change"

_LONGEST_PAYLOAD = 248 * 1024  # bytes of an input or output in an event (EventBridge's quota leaves no more)
_FATAL = re.compile(r"Execution(Failed|Aborted|TimedOut)")
_ERRORS = re.compile(r".*(Failed|TimedOut|Aborted)")
_LEVELS = {"ALL": re.compile(r".*"), "ERROR": _ERRORS, "FATAL": _FATAL}
_PAYLOADS = ("input", "inputDetails", "output", "outputDetails")


class Announcements:
    """Tells, in order, on a thread of its own: the engine does not wait for it."""

    def __init__(self, services: Services, state_machines: StateMachines) -> None:
        self._services = services
        self._state_machines = state_machines
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="step-functions-announcements")

    def status(self, record: ExecutionRecord) -> None:
        """Tell EventBridge of the status of a Standard execution."""
        if not record.machine.express:
            detail = text_of(_status_detail(record))
            self._later(record, lambda: self._state_machines.announce(STATUS_CHANGE, detail, record.arn))

    def ended(self, record: ExecutionRecord) -> None:
        """Tell EventBridge, and write the history that the machine's logging configuration asks for."""
        self.status(record)
        level = _LEVELS.get(str(record.machine.logging.get("level", "OFF")))
        destinations = record.machine.logging.get("destinations") or []
        if level is not None and destinations:
            group = destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"].split(":log-group:")[1].split(":")[0]
            data = bool(record.machine.logging.get("includeExecutionData"))
            already_logged = 0 if not record.redrives else _first_of_last_run(record.journal.events)
            lines = [
                _log_line(record, event, data=data)
                for event in record.journal.events[already_logged:]
                if level.fullmatch(event.type)
            ]
            self._later(record, lambda: self._write(group, record.machine.name, lines))

    def close(self) -> None:
        """Tell what is left to tell."""
        self._thread.shutdown(wait=True)

    def _later(self, record: ExecutionRecord, tell: Callable[[], Any]) -> None:
        self._thread.submit(self._tell, Arn.parse(record.machine.arn, "stateMachine"), tell)

    def _tell(self, arn: Arn, tell: Callable[[], Any]) -> None:
        # Delivery is best effort, as on AWS: nothing that happens here may change an execution.
        try:
            with self._services.scope(arn.account, arn.region):
                tell()
        except Exception:
            logger.warning("an execution of %s could not be announced", arn, exc_info=True)

    def _write(self, group: str, machine: str, lines: list[dict[str, Any]]) -> None:
        stream = f"states/{machine}/{time.strftime('%Y-%m-%d-%H', time.gmtime())}/local"
        where = {"logGroupName": group, "logStreamName": stream}
        try:
            self._services.call("logs", "Logs_20140328.CreateLogStream", where)
        except ServiceCallError as error:
            if error.code == "ResourceNotFoundException":
                return  # the group was deleted: AWS drops the lines too
            if error.code != "ResourceAlreadyExistsException":
                raise
        self._services.call("logs", "Logs_20140328.PutLogEvents", {**where, "logEvents": lines})


def _status_detail(record: ExecutionRecord) -> dict[str, Any]:
    description = record.describe()
    output = record.output
    return {
        "executionArn": record.arn,
        "stateMachineArn": record.machine.arn,
        "name": record.name,
        "status": record.status,
        "startDate": _millis(description["startDate"]),
        "stopDate": _millis(description.get("stopDate")),
        "input": record.input if _fits(record.input) else None,
        "output": output if output is not None and _fits(output) else None,
        "stateMachineVersionArn": record.machine.version_arn,
        "stateMachineAliasArn": record.machine.alias_arn,
        "redriveCount": record.redrives,
        "redriveDate": _millis(description.get("redriveDate")),
        "redriveStatus": description["redriveStatus"],
        "redriveStatusReason": description.get("redriveStatusReason"),
        "inputDetails": {"included": _fits(record.input)},
        "outputDetails": None if output is None else {"included": _fits(output)},
        "error": record.error,
        "cause": record.cause,
    }


def _log_line(record: ExecutionRecord, event: Event, *, data: bool) -> dict[str, Any]:
    millis = round(event.timestamp.timestamp() * 1000)
    details = {name: value for name, value in (event.details or {}).items() if data or name not in _PAYLOADS}
    message = {
        "id": str(event.id),
        "type": event.type,
        "details": details,
        "previous_event_id": str(event.previous_id),
        "event_timestamp": str(millis),
        "execution_arn": record.arn,
        "redrive_count": str(record.redrives),
    }
    return {"timestamp": millis, "message": text_of(message)}


def _first_of_last_run(events: list[Event]) -> int:
    redriven = [event.id for event in events if event.type == "ExecutionRedriven"]
    return redriven[-1] - 1 if redriven else 0


def _fits(text: str) -> bool:
    return len(text.encode()) <= _LONGEST_PAYLOAD


def _millis(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)

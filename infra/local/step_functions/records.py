"""Records of executions, and what the API tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.step_functions.machines import Machine
from workflows.interpreter import ChildExecution, Execution, Interpreter, Journal, MapRun, Outcome, Progress
from workflows.interpreter.json_text import parse
from workflows.interpreter.payload import text_of

REDRIVABLE_DAYS = 14
"""How long after its end an execution can be redriven (API reference, "RedriveExecution")."""

MOST_REDRIVES = 1000
"""How often a Map Run can be redriven, and its execution with it (developer guide, "Redriving Map Runs")."""

REDRIVABLE_EVENTS = 24_999
"""The history of an execution that is redriven must hold fewer events (developer guide, "Redriving executions")."""


@dataclass(slots=True)
class ExecutionRecord:
    """One execution of a state machine.

    Attributes
    ----------
    input, output
        JSON texts.
    started, stopped
        Timezone-aware.
    synchronous
        Whether StartSyncExecution started it.
    redrives, redriven
        How often it was redriven, and when last.
    redrive_tokens
        `clientToken` of a redrive -> when it was answered.
    journal, progress
        Its history, and where it stands.
    map_runs
        Its Map Runs, in the order in which they started.
    interpreter
        While it runs.
    """

    arn: str
    name: str
    machine: Machine
    input: str
    started: datetime
    status: str = "RUNNING"
    stopped: datetime | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    trace_header: str | None = None
    synchronous: bool = False
    redrives: int = 0
    redriven: datetime | None = None
    redrive_tokens: dict[str, datetime] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    progress: Progress = field(default_factory=Progress)
    map_runs: list[MapRun] = field(default_factory=list)
    interpreter: Interpreter | None = None

    def execution(self) -> Execution:
        """Who it is, as the interpreter is told."""
        return Execution(
            arn=self.arn,
            name=self.name,
            input=parse(self.input),
            start_time=self.started,
            role_arn=self.machine.role_arn,
            state_machine_arn=self.machine.arn,
            state_machine_name=self.machine.name,
            version_arn=self.machine.version_arn,
            alias_arn=self.machine.alias_arn,
            redrive_count=self.redrives,
            redrive_time=self.redriven,
            tells_redrives=not self.synchronous,
            input_text=self.input,
        )

    def begin_again(self) -> None:
        """Turn into a running execution that has been redriven once more."""
        self.redrives += 1
        self.redriven = now()
        self.status, self.stopped = "RUNNING", None
        self.output = self.error = self.cause = None

    def end(self, outcome: Outcome) -> None:
        """Take note of how it ended."""
        self.error, self.cause = outcome.error, outcome.cause
        if outcome.status == "SUCCEEDED":
            self.output = text_of(outcome.output)
        self.stopped = now()
        self.interpreter = None
        self.status = outcome.status

    def not_redrivable(self) -> str | None:
        """Why it cannot be redriven, in AWS's words; ``None`` if it can."""
        if self.status in ("RUNNING", "SUCCEEDED"):
            return f"Execution is {self.status} and cannot be redriven"
        if self.stopped is not None and now() - self.stopped > timedelta(days=REDRIVABLE_DAYS):
            return "Execution redrivable period exceeded"
        if len(self.journal) >= REDRIVABLE_EVENTS:
            return "Execution history event limit exceeded"
        if any(map_run.redrives >= MOST_REDRIVES for map_run in self.map_runs):
            return "Map Run redrive limit exceeded"
        return None

    def describe(self) -> dict[str, Any]:
        """Give the answer of DescribeExecution."""
        reason = self.not_redrivable()
        return self.listing() | _without_nulls(
            {
                "input": self.input,
                "inputDetails": {"included": True},
                "output": self.output,
                "outputDetails": {"included": True} if self.output is not None else None,
                "error": self.error,
                "cause": self.cause,
                "traceHeader": self.trace_header,
                "redriveStatus": "REDRIVABLE" if reason is None else "NOT_REDRIVABLE",
                "redriveStatusReason": reason,
            }
        )

    def listing(self) -> dict[str, Any]:
        """Give its entry in the answer of ListExecutions."""
        return _without_nulls(
            {
                "executionArn": self.arn,
                "stateMachineArn": self.machine.arn,
                "stateMachineVersionArn": self.machine.version_arn,
                "stateMachineAliasArn": self.machine.alias_arn,
                "name": self.name,
                "status": self.status,
                "startDate": epoch(self.started),
                "stopDate": epoch(self.stopped),
                "redriveCount": self.redrives,
                "redriveDate": epoch(self.redriven),
            }
        )

    def save(self) -> dict[str, Any]:
        """Return what survives a restart."""
        return {
            "arn": self.arn,
            "name": self.name,
            "machine": self.machine.save(),
            "input": self.input,
            "started": self.started.isoformat(),
            "status": self.status,
            "stopped": self.stopped.isoformat() if self.stopped else None,
            "output": self.output,
            "error": self.error,
            "cause": self.cause,
            "trace_header": self.trace_header,
            "redrives": self.redrives,
            "redriven": self.redriven.isoformat() if self.redriven else None,
            "journal": self.journal.to_json(),
            "progress": self.progress.to_json(),
            "map_runs": [map_run.to_json() for map_run in self.map_runs],
        }

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> ExecutionRecord:
        """Make the record again that `save` wrote."""
        fields = dict(saved)
        for name in ("started", "stopped", "redriven"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        fields["machine"] = Machine(**fields["machine"])
        fields["journal"] = Journal.from_json(fields["journal"])
        fields["progress"] = Progress.from_json(fields["progress"])
        fields["map_runs"] = [MapRun.from_json(map_run) for map_run in fields["map_runs"]]
        record = cls(**fields)
        record._share_map_runs(record.progress)
        return record

    def interrupted(self, cause: str) -> None:
        """Turn a running execution into an aborted one: its process is gone."""
        moment = now()
        for map_run in self.map_runs:
            if map_run.status == "RUNNING":
                map_run.status, map_run.stopped = "ABORTED", moment
            for child in map_run.children or ():
                if child.status == "RUNNING":
                    map_run.change(child, "ABORTED")
                    child.stopped = moment
        self.journal.add("ExecutionAborted", 0, moment, {"cause": cause})
        self.end(Outcome("ABORTED", cause=cause))

    def _share_map_runs(self, progress: Progress) -> None:
        """Let the resume points hold the Map Runs of the record again, instead of copies."""
        by_arn = {map_run.arn: map_run for map_run in self.map_runs}
        if progress.map_run is not None:
            progress.map_run = by_arn.get(progress.map_run.arn, progress.map_run)
        for line in progress.inner or ():
            self._share_map_runs(line)


def describe_child(map_run: MapRun, child: ChildExecution) -> dict[str, Any]:
    """Give the answer of DescribeExecution for a child of a Map Run."""
    status = "NOT_REDRIVABLE"
    reason: str | None = f"Execution is {child.status} and cannot be redriven"
    if child.status in ("FAILED", "TIMED_OUT", "ABORTED"):
        status, reason = "REDRIVABLE_BY_MAP_RUN", None
    succeeded = child.status == "SUCCEEDED"
    return _without_nulls(
        {
            **list_child(map_run, child),
            "itemCount": None,
            "input": text_of(child.input),
            "inputDetails": {"included": True},
            "output": text_of(child.output) if succeeded else None,
            "outputDetails": {"included": True} if succeeded else None,
            "error": child.error,
            "cause": child.cause,
            "redriveStatus": status,
            "redriveStatusReason": reason,
        }
    )


def list_child(map_run: MapRun, child: ChildExecution) -> dict[str, Any]:
    """Give the entry of a child in the answer of ListExecutions."""
    return _without_nulls(
        {
            "executionArn": child.arn,
            "stateMachineArn": map_run.state_machine_arn,
            "name": child.name,
            "status": child.status,
            "startDate": epoch(child.started),
            "stopDate": epoch(child.stopped),
            "mapRunArn": map_run.arn,
            "itemCount": child.items,
            "redriveCount": child.redrives,
            "redriveDate": epoch(map_run.redriven) if child.redrives else None,
        }
    )


def now() -> datetime:
    """Tell the time in UTC, in the milliseconds that the API shows."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def epoch(moment: datetime | None) -> float | None:
    """Render a time as the API's JSON does: epoch seconds."""
    return None if moment is None else moment.timestamp()


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}

"""What the interpreter asks of the world, and what it tells it.

The interpreter knows neither AWS nor the wall clock. A user of it brings `Tasks` (who does the work), a
`Clock` (what time it is) and, if wanted, an `Observer` (who is told of events and Map Runs as they happen).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from workflows.interpreter.child_execution import ChildExecution
    from workflows.interpreter.journal import Event, Journal
    from workflows.interpreter.map_run import MapRun

Json: TypeAlias = Any
"""A JSON value: dict, list, str, int, float, bool or None. Never changed in place once it is handed over."""

Status: TypeAlias = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


def _ignore(_: Any = None) -> None:
    """Take a report that nobody waits for."""


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One request for work: an attempt of a Task state, or one read or write of a Distributed Map.

    Attributes
    ----------
    resource
        The `Resource` of the state, with its suffix (`.sync`, `.sync:2`, `.waitForTaskToken`).
    arguments
        The effective input, after InputPath and Parameters.
    context
        The context object of the attempt. `context["Task"]["Token"]` is there for `.sync`, `.waitForTaskToken` and
        activities.
    credentials
        The evaluated `Credentials` field (`{"RoleArn": …}`), or None for the state machine's own role.
    timeout_seconds, heartbeat_seconds
        Limits of the state in seconds, None when it sets none. The interpreter enforces both.
    submitted
        To be called with the service's answer when a `.sync` or `.waitForTaskToken` request was accepted.
    started
        To be called with the worker's name (or None) when the worker of an activity took the task.
    beat
        To be called at each heartbeat of the worker.
    """

    resource: str
    arguments: Json
    context: dict[str, Json]
    credentials: Json = None
    timeout_seconds: float | None = None
    heartbeat_seconds: float | None = None
    submitted: Callable[[Json], None] = field(default=_ignore, repr=False)
    started: Callable[[str | None], None] = field(default=_ignore, repr=False)
    beat: Callable[[], None] = field(default=_ignore, repr=False)

    @property
    def token(self) -> str | None:
        """The task token, when the task can be ended by one."""
        token: str | None = self.context.get("Task", {}).get("Token")
        return token


class Tasks(Protocol):
    """Who does the work of Task states, item readers and result writers."""

    async def run(self, call: TaskCall) -> Json:
        """Do the work and return its output as JSON.

        An item reader is called with `arn:aws:states:::s3:getObject` (answers `{"Body": str | bytes}`, the
        raw object) or `arn:aws:states:::s3:listObjectsV2` (answers the API's own page, with
        `NextContinuationToken`), a result writer with `arn:aws:states:::s3:putObject` (arguments `Bucket`,
        `Key` and `Body`, a str).

        When the coroutine is cancelled (timeout, failed sibling branch, stopped execution), it must stop
        what it started (a `.sync` job) before it lets the cancellation through.

        Raises
        ------
        StatesError
            The task failed; Retry and Catch of the state match its `error`. Any other exception is a defect of the
            tasks, not a failure of the workflow: it comes out of `Interpreter.run`.
        """
        ...


@runtime_checkable
class ChecksRequests(Protocol):
    """Tasks that can tell, before an attempt is scheduled, that a request cannot be made at all."""

    def check(self, call: TaskCall) -> None:
        """Raise `StatesError` for an activity that does not exist, a parameter that is missing and the like.

        Step Functions fails the state then without a Scheduled event, and puts its usual sentence with the
        state's name before the cause.
        """
        ...


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Tell the time, timezone-aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` >= 0 of this clock's time."""
        ...


class Observer(Protocol):
    """Who is told of what happens while it happens. Every method must be quick and must not raise."""

    def on_event(self, journal: Journal, event: Event) -> None:
        """Take note of an event of the execution or of a child (`journal.execution_arn` tells which)."""

    def on_map_run(self, map_run: MapRun) -> None:
        """Take note of a Map Run that started, was redriven or ended. The object stays current by itself."""

    def on_child(self, map_run: MapRun, child: ChildExecution) -> None:
        """Take note of a child execution that started or ended."""


@dataclass(frozen=True, slots=True)
class Execution:
    """Who an execution is; it fills the context object.

    Attributes
    ----------
    arn, name, role_arn, start_time
        `$$.Execution.Id`, `.Name`, `.RoleArn`, `.StartTime` (timezone-aware).
    input
        `$$.Execution.Input`.
    state_machine_arn, state_machine_name
        `$$.StateMachine.Id` and `.Name`.
    version_arn, alias_arn
        The version and the alias through which it was started, if any; the history tells them.
    redrive_count, redrive_time
        `$$.Execution.RedriveCount` and `.RedriveTime`; 0 and None before the first redrive.
    tells_redrives
        Whether there is a `$$.Execution.RedriveCount`: executions of StartSyncExecution have none.
    input_text
        The input as its sender wrote it, for the history; None for the shortest way to write it.
    """

    arn: str
    name: str
    input: Json
    start_time: datetime
    role_arn: str = "arn:aws:iam::000000000000:role/states"
    state_machine_arn: str = "arn:aws:states:us-east-1:000000000000:stateMachine:machine"
    state_machine_name: str = "machine"
    version_arn: str | None = None
    alias_arn: str | None = None
    redrive_count: int = 0
    redrive_time: datetime | None = None
    tells_redrives: bool = True
    input_text: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution ended: a `status`, and either an `output` or an `error` with its `cause`."""

    status: Status
    output: Json = None
    error: str | None = None
    cause: str | None = None

"""A line of states, and the stay of an execution in one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol
from uuid import UUID

from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Clock, Execution, Json, Observer, Outcome, TaskCall, Tasks
from workflows.interpreter.journal import Trace
from workflows.interpreter.payload import time_text
from workflows.interpreter.progress import Progress

RETRYABLE = frozenset({"Task", "Parallel", "Map"})
"""Kinds of states that may have a Retry."""

Machine = Mapping[str, Any]
"""Something with `StartAt` and `States`: a state machine, a branch or an item processor."""


class Engine(Protocol):
    """What states that hold machines of their own ask of the engine."""

    async def walk(self, line: Line) -> Json:
        """Walk a line of states to its end and give its output."""
        ...

    async def execute(self, world: World, machine: Machine, progress: Progress, *, redriven: bool) -> Outcome:
        """Run a whole execution, from its first event to its last."""
        ...


@dataclass(slots=True)
class World:
    """What all lines of one execution share."""

    engine: Engine
    execution: Execution
    tasks: Tasks
    clock: Clock
    trace: Trace
    random: Random
    observer: Observer | None = None
    check: Callable[[TaskCall], None] | None = None

    @property
    def region(self) -> str:
        """The region in which the execution runs."""
        return self.execution.arn.split(":")[3]

    def new_id(self) -> str:
        """Make up a UUID; the same ones in the same order for the same seed."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def context(self) -> dict[str, Json]:
        """Give the part of the context object that is the same everywhere in the execution.

        Facts: Step Functions developer guide, "Accessing execution data from the Context object".
        """
        execution = self.execution
        about: dict[str, Json] = {
            "Id": execution.arn,
            "Input": execution.input,
            "StartTime": time_text(execution.start_time),
            "Name": execution.name,
            "RoleArn": execution.role_arn,
        }
        if execution.tells_redrives:
            about["RedriveCount"] = execution.redrive_count
        if execution.redrive_time is not None:
            about["RedriveTime"] = time_text(execution.redrive_time)
        return {
            "Execution": about,
            "StateMachine": {"Id": execution.state_machine_arn, "Name": execution.state_machine_name},
        }


@dataclass(slots=True)
class Line:
    """One line of states: a whole execution, a branch or an iteration."""

    world: World
    machine: Machine
    trace: Trace
    progress: Progress
    context: Mapping[str, Json]

    def inner(
        self, machine: Machine, progress: Progress, trace: Trace, extra: Mapping[str, Json] | None = None
    ) -> Line:
        """Make a branch or an iteration of this line's present state."""
        context = self.context if extra is None else {**self.context, **extra}
        return Line(self.world, machine, trace, progress, context)


@dataclass(slots=True)
class Visit:
    """The stay of a line in one state.

    Attributes
    ----------
    input
        The raw input of the state.
    context
        The context object. It is replaced, never changed: outputs may hold parts of it.
    entered
        Id of the event that entered the state.
    started
        Whether a Parallel or Map has started its branches or iterations.
    """

    line: Line
    name: str
    state: Mapping[str, Any]
    input: Json
    entered: int
    context: dict[str, Json] = field(default_factory=dict)
    started: bool = False

    def __post_init__(self) -> None:
        about: dict[str, Json] = {
            "Name": self.name,
            "EnteredTime": time_text(self.line.world.clock.now()),
        }
        if self.state["Type"] in RETRYABLE:
            about["RetryCount"] = 0
        self.context = {**self.line.context, "State": about}

    @property
    def world(self) -> World:
        """What all lines of the execution share."""
        return self.line.world

    @property
    def trace(self) -> Trace:
        """The line's thread through the journal."""
        return self.line.trace

    def begin_anew(self) -> None:
        """Begin a further attempt: nothing of the last one is kept, `$$.State.RetryCount` goes up by one."""
        self.started = False
        self.line.progress.inner = self.line.progress.map_run = None
        state = self.context["State"]
        self.context = {**self.context, "State": {**state, "RetryCount": state["RetryCount"] + 1}}

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Say in the cause of every failure inside which state failed."""
        try:
            yield
        except StatesError as failure:
            raise self.located(failure) from failure

    def located(self, failure: StatesError) -> StatesError:
        """Say in the cause which state failed, in the words that Step Functions uses for its own errors."""
        where = f"An error occurred while executing the state '{self.name}' (entered at the event id #{self.entered})."
        return StatesError(failure.error, f"{where} {failure.cause}" if failure.cause else where)

"""A stage for workflows: stub tasks on the virtual clock, and what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from inspect import isawaitable
from random import Random
from typing import Any

from workflows.interpreter import (
    ChildExecution,
    Event,
    Execution,
    Interpreter,
    Journal,
    MapRun,
    Outcome,
    Progress,
    StatesError,
    TaskCall,
    VirtualClock,
    run_virtually,
)
from workflows.interpreter.clock import VIRTUAL_START

REGION = "us-east-1"
MACHINE_ARN = f"arn:aws:states:{REGION}:000000000000:stateMachine:play"
EXECUTION_ARN = f"arn:aws:states:{REGION}:000000000000:execution:play:first-night"

Behaviour = Callable[[TaskCall], Any]


def task(name: str, **fields: Any) -> dict[str, Any]:
    """Make a Task state whose resource is `stub:<name>`."""
    ends = {} if "Next" in fields else {"End": True}
    return {"Type": "Task", "Resource": f"arn:aws:states:::stub:{name}", **ends, **fields}


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    """Make a machine that starts at the first of its states."""
    return {"StartAt": next(iter(states)), "States": states}


def failing(error: str, cause: str | None = None) -> Behaviour:
    """Make a task that always fails."""

    def fail(call: TaskCall) -> Any:
        raise StatesError(error, cause)

    return fail


def in_turn(*answers: Any) -> Behaviour:
    """Make a task that gives one answer after the other, raising those that are errors; the last one for ever."""
    remaining = list(answers)

    def answer(call: TaskCall) -> Any:
        given = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(given, Exception):
            raise given
        return given

    return answer


def taking(seconds: float, answer: Any = None) -> Behaviour:
    """Make a task that takes its time and then answers, or echoes its arguments."""

    async def take(call: TaskCall) -> Any:
        await asyncio.sleep(seconds)
        return call.arguments if answer is None else answer

    return take


class StubTasks:
    """Tasks that do what the test says, by the last word of their resource; the others echo their arguments."""

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self.behaviours = dict(behaviours)
        self.calls: list[TaskCall] = []
        self.times: list[float] = []
        self.cancelled: list[TaskCall] = []
        self.running = self.most_running = 0

    async def run(self, call: TaskCall) -> Any:
        self.calls.append(call)
        self.times.append(asyncio.get_running_loop().time())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            answer = self.behaviours.get(name_of(call), lambda _: call.arguments)(call)
            return await answer if isawaitable(answer) else answer
        except asyncio.CancelledError:
            self.cancelled.append(call)
            raise
        finally:
            self.running -= 1

    def arguments(self, name: str) -> list[Any]:
        """List what a task was called with."""
        return [call.arguments for call in self.calls if name_of(call) == name]


def name_of(call: TaskCall) -> str:
    """Name a task by the last word of its resource, without a suffix such as `.sync`."""
    return call.resource.rsplit(":", 1)[-1].split(".")[0]


@dataclass
class Play:
    """One execution: run it with `run`, again with `redrive`."""

    definition: Mapping[str, Any]
    input: Any = field(default_factory=dict)
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    seed: int = 7
    stop_after: float | None = None

    def __post_init__(self) -> None:
        self.tasks = StubTasks(self.behaviours)
        self.journal = Journal(EXECUTION_ARN)
        self.progress = Progress()
        self.clock = VirtualClock()
        self.execution = Execution(EXECUTION_ARN, "first-night", self.input, VIRTUAL_START, "role", MACHINE_ARN, "play")
        self.events: list[tuple[Journal, Event]] = []
        self.map_runs: list[MapRun] = []
        self.children: list[tuple[str, str]] = []
        self.outcome = Outcome("ABORTED")
        self.interpreter: Interpreter | None = None

    def run(self) -> Play:
        """Run it from its start."""
        return self._perform(self.execution, redriven=False)

    def redrive(self, later: float = 0) -> Play:
        """Redrive it from journal and progress as they come back from JSON, `later` seconds after the start."""
        self.clock = VirtualClock(VIRTUAL_START + timedelta(seconds=later))
        self.journal = Journal.from_json(self.journal.to_json())
        self.progress = Progress.from_json(self.progress.to_json())
        execution = self.execution = replace(
            self.execution, redrive_count=self.execution.redrive_count + 1, redrive_time=VIRTUAL_START
        )
        return self._perform(execution, redriven=True)

    def _perform(self, execution: Execution, *, redriven: bool) -> Play:
        self.outcome, self.seconds = run_virtually(self._play(execution, redriven))
        return self

    async def _play(self, execution: Execution, redriven: bool) -> tuple[Outcome, float]:
        interpreter = self.interpreter = Interpreter(
            self.definition,
            self.tasks,
            self.clock,
            self.journal,
            progress=self.progress,
            observer=self,
            random=Random(self.seed + execution.redrive_count),
        )
        loop = asyncio.get_running_loop()
        if self.stop_after is not None:
            loop.call_later(self.stop_after, interpreter.stop, "Stopped", "by hand")
        outcome = await (interpreter.redrive if redriven else interpreter.run)(execution)
        return outcome, loop.time()

    def on_event(self, journal: Journal, event: Event) -> None:
        self.events.append((journal, event))

    def on_map_run(self, map_run: MapRun) -> None:
        if map_run not in self.map_runs:
            self.map_runs.append(map_run)

    def on_child(self, map_run: MapRun, child: ChildExecution) -> None:
        self.children.append((child.name, child.status))

    @property
    def types(self) -> list[str]:
        """Types of all events."""
        return self.journal.types()

    @property
    def chain(self) -> list[tuple[int, str]]:
        """Each event with the id of the one that it follows."""
        return [(event.previous_id, event.type) for event in self.journal]

    def details(self, kind: str) -> list[Any]:
        """Details of all events of a type."""
        return [event.details for event in self.journal if event.type == kind]


def play(
    definition: Mapping[str, Any], given: Any = None, *, stop_after: float | None = None, **behaviours: Behaviour
) -> Play:
    """Run a definition on the virtual clock with stub tasks."""
    return Play(definition, {} if given is None else given, behaviours, stop_after=stop_after).run()

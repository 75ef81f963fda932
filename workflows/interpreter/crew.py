"""The workers of a Map Run."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

from workflows.interpreter.child_execution import UNSUCCESSFUL, ChildExecution
from workflows.interpreter.journal import Journal, Trace
from workflows.interpreter.map_input import processor_of
from workflows.interpreter.map_run import MapRun
from workflows.interpreter.progress import Progress
from workflows.interpreter.visit import Visit, World

MAXIMUM_CONCURRENCY = 10_000
"""Children of a Map Run that run at the same time when MaxConcurrency does not say otherwise."""


class Crew:
    """Workers that take the children of a Map Run from a queue, as many as may run at the same time."""

    def __init__(self, visit: Visit, map_run: MapRun) -> None:
        self._visit = visit
        self._map_run = map_run
        self._machine = processor_of(visit.state)
        self._waiting = deque(child for child in map_run.children or () if child.status != "SUCCEEDED")
        for child in self._waiting:
            # An Express execution cannot be redriven: it runs again whole.
            if child.status in UNSUCCESSFUL and map_run.express:
                child.progress = None
        self._working = 0
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Run until all children have ended, or more have failed than are tolerated."""
        map_run = self._map_run
        for child in self._waiting:
            map_run.change(child, "PENDING")
        map_run.on_update = self._hire
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._hire()
        except* _ToleranceExceeded:
            pass
        finally:
            map_run.on_update = self._group = None

    @property
    def _places(self) -> int:
        return self._map_run.max_concurrency or MAXIMUM_CONCURRENCY

    def _hire(self) -> None:
        """Start workers for the free places, not more than there are children."""
        if self._group is not None:
            for _ in range(min(self._places - self._working, len(self._waiting))):
                self._working += 1
                self._group.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and self._working <= self._places:
                await self._run_child(self._waiting.popleft())
                if self._map_run.exceeds_tolerance:
                    raise _ToleranceExceeded
        finally:
            self._working -= 1

    async def _run_child(self, child: ChildExecution) -> None:
        map_run, parent = self._map_run, self._visit.world
        redriven = child.progress is not None and child.journal is not None
        if child.progress is None or child.journal is None:
            child.progress = Progress(input=child.input)
            child.journal = Journal(child.arn)
            child.started = parent.clock.now()
        else:
            child.redrives += 1
        if parent.observer is not None:
            child.journal.on_event = parent.observer.on_event
        child.error = child.cause = child.output = child.stopped = None
        map_run.change(child, "RUNNING")
        self._tell(child)
        world = self._world_of(child, child.journal)
        try:
            outcome = await parent.engine.execute(world, self._machine, child.progress, redriven=redriven)
        except asyncio.CancelledError:
            world.trace.add("ExecutionAborted", {})
            child.stopped = parent.clock.now()
            map_run.change(child, "ABORTED")
            self._tell(child)
            raise
        child.output, child.error, child.cause = outcome.output, outcome.error, outcome.cause
        child.stopped = parent.clock.now()
        map_run.change(child, outcome.status)
        if outcome.status == "SUCCEEDED":
            child.progress = None
        self._tell(child)

    def _world_of(self, child: ChildExecution, journal: Journal) -> World:
        parent, map_run = self._visit.world, self._map_run
        execution = replace(
            parent.execution,
            arn=child.arn,
            name=child.name,
            input=child.input,
            input_text=None,
            start_time=child.started or parent.clock.now(),
            state_machine_arn=map_run.state_machine_arn,
            state_machine_name=map_run.state_machine_arn.rpartition(":")[2],
            redrive_count=child.redrives,
            redrive_time=map_run.redriven if child.redrives else None,
        )
        return replace(parent, execution=execution, trace=Trace(journal, parent.clock, len(journal)))

    def _tell(self, child: ChildExecution) -> None:
        observer = self._visit.world.observer
        if observer is not None:
            observer.on_child(self._map_run, child)


class _ToleranceExceeded(Exception):
    """More items have failed than are tolerated."""

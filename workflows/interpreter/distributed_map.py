"""The Map state that runs its items as executions of their own.

Facts: Step Functions developer guide, "Using Map state in Distributed mode" and "Redriving Map Runs".
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

from workflows.interpreter import data_flow, templates
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.item_batcher import batches_of
from workflows.interpreter.item_reader import read_items
from workflows.interpreter.journal import Journal, Trace
from workflows.interpreter.map_input import items_of, processor_of
from workflows.interpreter.map_run import DONE, ChildExecution, MapRun
from workflows.interpreter.payload import limited_text_of
from workflows.interpreter.progress import Progress
from workflows.interpreter.recovery import with_recovery
from workflows.interpreter.result_writer import transformed, write_results
from workflows.interpreter.task_history import failure_details
from workflows.interpreter.visit import Visit, World

MAXIMUM_CONCURRENCY = 10_000
"""Children of a Map Run that run at the same time when MaxConcurrency does not say otherwise."""


async def run_distributed_map(visit: Visit) -> tuple[str | None, Json]:
    """Run one child execution for each item or batch; the result is the list of their outputs."""
    return await with_recovery(visit, lambda: _attempt(visit))


async def _attempt(visit: Visit) -> Json:
    progress, trace, clock = visit.line.progress, visit.trace, visit.world.clock
    with visit.locating():
        document = data_flow.select(visit, "InputPath", visit.input)
    map_run, items = progress.map_run, None
    if map_run is not None and map_run.children is not None:
        map_run.redrives += 1
        map_run.redriven, map_run.stopped, map_run.status = clock.now(), None, "RUNNING"
        trace.add("MapRunRedriven", {"mapRunArn": map_run.arn, "redriveCount": map_run.redrives})
    else:
        with visit.locating():
            items = None if "ItemReader" in visit.state else items_of(visit, document)
            concurrency = data_flow.number(visit.state, "MaxConcurrency", visit, document)
            trace.add("MapStateStarted", {"length": len(items or ())})
            map_run = progress.map_run = _new_map_run(visit, document, concurrency or 0)
        trace.add("MapRunStarted", {"mapRunArn": map_run.arn})
    visit.started = True
    _report(visit, map_run)
    try:
        if map_run.children is None:
            map_run.begin(await _children(visit, map_run, items, document))
        result = await _run_children(visit, map_run, document)
    except StatesError as failure:
        _end(visit, map_run, "FAILED")
        trace.add("MapRunFailed", failure_details(failure))
        raise
    except asyncio.CancelledError:
        _end(visit, map_run, "ABORTED")
        raise
    _end(visit, map_run, "SUCCEEDED")
    trace.add("MapRunSucceeded")
    trace.note("MapStateSucceeded")
    visit.started = False
    with visit.locating():
        output = data_flow.output_of(visit, result)
    try:
        limited_text_of(output, visit.name)
    except StatesError:
        progress.map_run = None
        raise
    return output


def _new_map_run(visit: Visit, document: Json, max_concurrency: int) -> MapRun:
    state, execution = visit.state, visit.world.execution
    label = state.get("Label") or visit.world.new_id()
    head, _, machine = execution.state_machine_arn.rpartition(":")
    return MapRun(
        arn=f"{head.replace(':stateMachine', ':mapRun')}:{machine}/{label}:{visit.world.new_id()}",
        label=label,
        execution_arn=execution.arn,
        state_name=visit.name,
        express=processor_of(state)["ProcessorConfig"].get("ExecutionType") == "EXPRESS",
        started=visit.world.clock.now(),
        max_concurrency=max_concurrency,
        tolerated_failure_count=data_flow.number(state, "ToleratedFailureCount", visit, document),
        tolerated_failure_percentage=data_flow.percentage(state, "ToleratedFailurePercentage", visit, document),
    )


async def _children(visit: Visit, map_run: MapRun, items: list[Json] | None, document: Json) -> list[ChildExecution]:
    source = "STATE_DATA"
    if items is None:
        items, source = await read_items(visit, document)
    with visit.locating():
        for field in ("ItemSelector", "Parameters"):
            if field in visit.state:
                items = [
                    templates.fill(
                        visit.state[field],
                        document,
                        {**visit.context, "Map": {"Item": {"Index": index, "Value": item, "Source": source}}},
                        field=field,
                    )
                    for index, item in enumerate(items)
                ]
                break
        inputs = batches_of(visit, items, document)
    kind = "express" if map_run.express else "execution"
    head = map_run.arn.rpartition(":")[0].replace(":mapRun:", f":{kind}:")
    children = []
    for index, (given, count) in enumerate(inputs):
        name = visit.world.new_id()
        arn = f"{head}:{name}:{visit.world.new_id()}" if map_run.express else f"{head}:{name}"
        children.append(ChildExecution(index, arn, name, given, count))
    return children


async def _run_children(visit: Visit, map_run: MapRun, document: Json) -> Json:
    crew = _Crew(visit, map_run)
    await crew.run()
    exceeded = map_run.exceeds_tolerance
    if "Parameters" in visit.state.get("ResultWriter", {}):
        result = await write_results(visit, map_run, document)
    else:
        transformation = visit.state.get("ResultWriter", {}).get("WriterConfig", {}).get("Transformation")
        result = [
            entry
            for child in map_run.children or ()
            for entry in transformed(child, map_run, transformation or "COMPACT")
        ]
    if exceeded:
        raise StatesError(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        )
    return result


class _Crew:
    """Workers that take the children of a Map Run from a queue, as many as may run at the same time."""

    def __init__(self, visit: Visit, map_run: MapRun) -> None:
        self._visit = visit
        self._map_run = map_run
        self._machine = processor_of(visit.state)
        self._waiting = deque(child for child in map_run.children or () if child.status != "SUCCEEDED")
        for child in self._waiting:
            if child.status in DONE and map_run.express:
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


def _report(visit: Visit, map_run: MapRun) -> None:
    if visit.world.observer is not None:
        visit.world.observer.on_map_run(map_run)


def _end(visit: Visit, map_run: MapRun, status: str) -> None:
    map_run.status, map_run.stopped = status, visit.world.clock.now()
    _report(visit, map_run)

"""The Map state that runs its items as executions of their own.

Facts: Step Functions developer guide, "Using Map state in Distributed mode" and "Redriving Map Runs".
"""

from __future__ import annotations

import asyncio

from workflows.interpreter import data_flow, templates
from workflows.interpreter.child_execution import ChildExecution
from workflows.interpreter.crew import Crew
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.item_batcher import batches_of
from workflows.interpreter.item_reader import most_items, read_items
from workflows.interpreter.map_input import Item, items_of, processor_of, selector_field
from workflows.interpreter.map_run import MapRun
from workflows.interpreter.payload import limited_text_of
from workflows.interpreter.recovery import with_recovery
from workflows.interpreter.result_writer import transformed, write_results
from workflows.interpreter.task_history import failure_details
from workflows.interpreter.visit import Visit


async def run_distributed_map(visit: Visit) -> tuple[str | None, Json]:
    """Run one child execution for each item or batch; the result is the list of their outputs."""
    return await with_recovery(visit, lambda: _attempt(visit))


async def _attempt(visit: Visit) -> Json:
    progress, trace, clock = visit.line.progress, visit.trace, visit.world.clock
    with visit.locating():
        document = data_flow.select(visit, "InputPath", visit.input)
    map_run, items, most = progress.map_run, None, None
    if map_run is not None and map_run.children is not None:
        map_run.redrives += 1
        map_run.redriven, map_run.stopped, map_run.status = clock.now(), None, "RUNNING"
        trace.add("MapRunRedriven", {"mapRunArn": map_run.arn, "redriveCount": map_run.redrives})
    else:
        with visit.locating():
            items = None if "ItemReader" in visit.state else items_of(visit, document)
            concurrency = data_flow.number(visit.state, "MaxConcurrency", visit, document)
            trace.add("MapStateStarted", {"length": len(items or ())})
            most = most_items(visit, document)
            map_run = progress.map_run = _new_map_run(visit, document, concurrency or 0)
        trace.add("MapRunStarted", {"mapRunArn": map_run.arn})
    visit.started = True
    _report(visit, map_run)
    try:
        if map_run.children is None:
            map_run.begin(await _children(visit, map_run, items, document, most))
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


async def _children(
    visit: Visit, map_run: MapRun, items: list[Item] | None, document: Json, most: int | None
) -> list[ChildExecution]:
    if items is None:
        items = await read_items(visit, document, most)
    with visit.locating():
        inputs = batches_of(visit, _selected(visit, items, document), document)
    kind = "express" if map_run.express else "execution"
    head = map_run.arn.rpartition(":")[0].replace(":mapRun:", f":{kind}:")
    children = []
    for index, (given, count) in enumerate(inputs):
        name = visit.world.new_id()
        arn = f"{head}:{name}:{visit.world.new_id()}" if map_run.express else f"{head}:{name}"
        children.append(ChildExecution(index, arn, name, given, count))
    return children


def _selected(visit: Visit, items: list[Item], document: Json) -> list[Json]:
    """Apply the ItemSelector to each item."""
    field = selector_field(visit.state)
    if field is None:
        return [item.input for item in items]
    return [
        templates.fill(
            visit.state[field],
            document,
            {**visit.context, "Map": {"Item": {**item.context(index), "Source": item.source}}},
            field=field,
        )
        for index, item in enumerate(items)
    ]


async def _run_children(visit: Visit, map_run: MapRun, document: Json) -> Json:
    await Crew(visit, map_run).run()
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
        # AWS counts results as written, too, when it is the next state that gets them (recorded answers).
        map_run.results_written = len(map_run.children or ())
    if exceeded:
        raise StatesError(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        )
    return result


def _report(visit: Visit, map_run: MapRun) -> None:
    if visit.world.observer is not None:
        visit.world.observer.on_map_run(map_run)


def _end(visit: Visit, map_run: MapRun, status: str) -> None:
    map_run.status, map_run.stopped = status, visit.world.clock.now()
    _report(visit, map_run)

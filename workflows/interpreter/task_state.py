"""The Task state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workflows.interpreter import data_flow, templates
from workflows.interpreter.deadline import Overdue, Pulse, within
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json, TaskCall
from workflows.interpreter.payload import limited_text_of
from workflows.interpreter.recovery import with_recovery
from workflows.interpreter.task_history import WAITED_FOR, history_of
from workflows.interpreter.visit import Visit


async def run_task(visit: Visit) -> tuple[str | None, Json]:
    """Ask for the work until it is done or nothing is left to try."""
    return await with_recovery(visit, lambda: _attempt(visit))


async def _attempt(visit: Visit) -> Json:
    pulse = Pulse(visit.world.clock)
    with visit.locating():
        call = _call(visit, pulse)
        if visit.world.check is not None:
            visit.world.check(call)
    result = await _ask(visit, call, pulse)
    with visit.locating():
        return data_flow.output_of(visit, result)


def _call(visit: Visit, pulse: Pulse) -> TaskCall:
    state: Mapping[str, Any] = visit.state
    resource: str = state["Resource"]
    # Jobs (".sync"), too: whoever reports the token ends the task before the job does (recorded answers of AWS).
    if resource.endswith(WAITED_FOR) or ":activity:" in resource:
        visit.context = {**visit.context, "Task": {"Token": visit.world.new_id()}}
    document = data_flow.select(visit, "InputPath", visit.input)
    return TaskCall(
        resource=resource,
        arguments=data_flow.effective_input(visit),
        context=visit.context,
        credentials=templates.fill(state["Credentials"], document, visit.context, field="Credentials")
        if "Credentials" in state
        else None,
        timeout_seconds=data_flow.number(state, "TimeoutSeconds", visit, document),
        heartbeat_seconds=data_flow.number(state, "HeartbeatSeconds", visit, document),
        beat=pulse.beat,
    )


async def _ask(visit: Visit, call: TaskCall, pulse: Pulse) -> Json:
    history = history_of(visit.trace, call, visit.world.region)
    call = replace(call, submitted=history.submitted, started=history.worker_started)
    history.scheduled()
    visit.trace.check_room()
    # Lines that run beside each other schedule all their tasks before the first one starts.
    await asyncio.sleep(0)
    history.started()
    try:
        result = await within(
            visit.world.tasks.run(call),
            visit.world.clock,
            limit=call.timeout_seconds,
            heartbeat=call.heartbeat_seconds,
            pulse=pulse,
        )
        text = limited_text_of(result, history.producer)
    except Overdue as failure:
        history.timed_out(failure)
        raise
    except StatesError as failure:
        history.failed(failure)
        raise
    history.succeeded(text)
    return result

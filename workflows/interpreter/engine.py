"""The walk from state to state, and the life of an execution."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from workflows.interpreter.deadline import Overdue, within
from workflows.interpreter.distributed_map import run_distributed_map
from workflows.interpreter.errors import StatesError
from workflows.interpreter.inline_map import run_inline_map
from workflows.interpreter.interfaces import Execution, Json, Outcome
from workflows.interpreter.map_input import is_distributed
from workflows.interpreter.parallel_state import run_parallel
from workflows.interpreter.payload import limited_text_of, text_of
from workflows.interpreter.plain_states import run_choice, run_fail, run_pass, run_succeed, run_wait
from workflows.interpreter.progress import Progress
from workflows.interpreter.task_history import failure_details, input_details, output_details
from workflows.interpreter.task_state import run_task
from workflows.interpreter.visit import Line, Machine, Visit, World


async def _run_map(visit: Visit) -> tuple[str | None, Json]:
    return await (run_distributed_map if is_distributed(visit.state) else run_inline_map)(visit)


Handler = Callable[[Visit], Awaitable[tuple[str | None, Json]]]

HANDLERS: dict[str, Handler] = {
    "Pass": run_pass,
    "Choice": run_choice,
    "Wait": run_wait,
    "Succeed": run_succeed,
    "Fail": run_fail,
    "Task": run_task,
    "Parallel": run_parallel,
    "Map": _run_map,
}

LOCATE_THEIR_FAILURES = frozenset({"Fail", "Task", "Parallel", "Map"})
"""Kinds of states that may fail with an error of others, whose cause must stay as it is."""


def _started_details(execution: Execution, given: Json) -> dict[str, Json]:
    details = {**input_details(execution.input_text or text_of(given)), "roleArn": execution.role_arn}
    if execution.alias_arn is not None:
        details["stateMachineAliasArn"] = execution.alias_arn
    if execution.version_arn is not None:
        details["stateMachineVersionArn"] = execution.version_arn
    return details


class StateEngine:
    """Walks machines. It has no state of its own: all of that is in the line, its world and its progress."""

    async def walk(self, line: Line) -> Json:
        """Walk a line of states to its end, from where its progress stands.

        Returns
        -------
        The output of the last state.

        Raises
        ------
        StatesError
            The error that no state caught. The line's progress stands at the state that failed.
        """
        try:
            return await self._walk(line)
        except RecursionError:
            where = line.progress.state
            raise StatesError("States.Runtime", f"The data of the state '{where}' are nested too deeply.") from None

    async def _walk(self, line: Line) -> Json:
        progress = line.progress
        if progress.state is None:
            progress.move_to(line.machine["StartAt"], progress.input)
        text = text_of(progress.input)
        while True:
            name = str(progress.state)
            state = line.machine["States"][name]
            kind: str = state["Type"]
            if not progress.entered or kind == "Fail":
                self._enter(line, name, kind, text)
            visit = Visit(line, name, state, progress.input, progress.entered)
            with nullcontext() if kind in LOCATE_THEIR_FAILURES else visit.locating():
                following, output = await HANDLERS[kind](visit)
            text = limited_text_of(output, name)
            line.trace.check_room()
            line.trace.add(f"{kind}StateExited", {"name": name, **output_details(text)})
            if following is None:
                progress.finish(output)
                return output
            progress.move_to(following, output)
            # Other lines get their turn, and a loop without tasks can still be stopped.
            await asyncio.sleep(0)

    @staticmethod
    def _enter(line: Line, name: str, kind: str, text: str) -> None:
        line.trace.check_room()
        line.progress.entered = line.trace.add(f"{kind}StateEntered", {"name": name, **input_details(text)})

    async def execute(self, world: World, machine: Machine, progress: Progress, *, redriven: bool) -> Outcome:
        """Run an execution from its first event to its last.

        Parameters
        ----------
        world
            The execution, its tasks, its clock and its trace.
        machine
            What to run; `TimeoutSeconds` limits the whole execution.
        progress
            Where to begin: fresh with the input, or as a failed execution left it.
        redriven
            Whether the execution has run before.

        Returns
        -------
        How it ended: `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
        """
        execution, trace = world.execution, world.trace
        if redriven:
            trace.add("ExecutionRedriven", {"redriveCount": execution.redrive_count})
        else:
            trace.note("ExecutionStarted", _started_details(execution, progress.input))
        line = Line(world, machine, trace, progress, world.context())
        try:
            return await within(self._walk_to_outcome(line), world.clock, limit=machine.get("TimeoutSeconds"))
        except Overdue:
            # It comes from outside, as an abortion does: it follows no other event.
            trace.journal.add("ExecutionTimedOut", 0, world.clock.now(), {"error": "States.Timeout"})
            return Outcome("TIMED_OUT")

    async def _walk_to_outcome(self, line: Line) -> Outcome:
        try:
            output = await self.walk(line)
        except StatesError as failure:
            details = failure_details(failure)
            line.trace.add("ExecutionFailed", details)
            return Outcome("FAILED", error=details.get("error"), cause=details.get("cause"))
        line.trace.add("ExecutionSucceeded", output_details(text_of(output)))
        return Outcome("SUCCEEDED", output=output)

"""The Parallel state, and what it shares with the inline Map: lines that fail together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from workflows.interpreter import data_flow
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.journal import Trace
from workflows.interpreter.payload import limited_text_of
from workflows.interpreter.progress import Progress
from workflows.interpreter.recovery import FATAL, AliasedFailure, with_recovery
from workflows.interpreter.visit import Line, Machine, Visit

ABORTABLE = frozenset({"Task", "Wait", "Parallel", "Map"})
"""Kinds of states whose abortion is an event of its own."""


class LineFailed(Exception):
    """One of several lines failed; the others have been stopped."""

    def __init__(self, line: Line, failure: StatesError) -> None:
        super().__init__(failure)
        self.line = line
        self.failure = failure


async def run_parallel(visit: Visit) -> tuple[str | None, Json]:
    """Walk all branches at the same time; the result is the list of their outputs."""
    return await with_recovery(visit, lambda: _attempt(visit))


async def _attempt(visit: Visit) -> Json:
    progress = visit.line.progress
    branches: Sequence[Machine] = visit.state["Branches"]
    if progress.inner is None:
        with visit.locating():
            given = data_flow.effective_input(visit)
        visit.trace.add("ParallelStateStarted")
        progress.inner = [Progress(input=given) for _ in branches]
    visit.started = True
    lines = [
        visit.line.inner(branch, branch_progress, visit.trace.fork())
        for branch, branch_progress in zip(branches, progress.inner, strict=True)
    ]
    try:
        await all_or_none([_walk(line) for line in lines if not line.progress.done])
    except LineFailed as failed:
        visit.trace.last = failed.line.trace.last
        failure = failed.failure
        if failure.error not in FATAL:
            for line in lines:
                record_abortion(line, visit.trace)
        raise AliasedFailure(failure.error, failure.cause, "States.BranchFailed") from failed
    visit.trace.last = max(line.trace.last for line in lines)
    return finish_lines(visit, progress.inner)


async def _walk(line: Line) -> None:
    try:
        await line.world.engine.walk(line)
    except StatesError as failure:
        raise LineFailed(line, failure) from failure


async def all_or_none(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of `work` at the same time; when one fails, stop the others.

    Raises
    ------
    LineFailed
        The first failure.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except* LineFailed as failures:
        first = failures.exceptions[0]
        raise first from None


def record_abortion(line: Line, trace: Trace) -> None:
    """Record that the state in which a stopped line stands was aborted."""
    progress = line.progress
    if progress.entered:
        kind = line.machine["States"][progress.state]["Type"]
        if kind in ABORTABLE:
            trace.note(f"{kind}StateAborted")


def finish_lines(visit: Visit, lines: Sequence[Progress]) -> Json:
    """Record the success of a state whose lines have all come to their ends, and make its output.

    Raises
    ------
    StatesError
        When the output cannot be made; ``States.DataLimitExceeded`` when it is too large, and then the lines
        start anew on a redrive.
    """
    kind = visit.state["Type"]
    visit.trace.note(f"{kind}StateSucceeded")
    # From here on the state has succeeded: what fails now is its output.
    visit.started = False
    outputs = [line.output for line in lines]
    with visit.locating():
        output = data_flow.output_of(visit, outputs)
    try:
        limited_text_of(output, visit.name)
    except StatesError:
        visit.line.progress.inner = None
        raise
    return output

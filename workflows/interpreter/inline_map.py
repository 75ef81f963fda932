"""The Map state that walks its iterations in the execution itself."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.interpreter import data_flow, templates
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.journal import Trace
from workflows.interpreter.map_input import Item, items_of, processor_of, selector_field
from workflows.interpreter.parallel_state import LineFailed, all_or_none, finish_lines, record_abortion
from workflows.interpreter.payload import limited_text_of
from workflows.interpreter.progress import Progress
from workflows.interpreter.recovery import FATAL, with_recovery
from workflows.interpreter.visit import Line, Visit

MAXIMUM_CONCURRENCY = 40
"""Iterations of an inline Map that run at the same time when MaxConcurrency does not say otherwise."""


async def run_inline_map(visit: Visit) -> tuple[str | None, Json]:
    """Walk one iteration for each item; the result is the list of their outputs, in the items' order."""
    return await with_recovery(visit, lambda: _Attempt(visit).run())


class _Attempt:
    """One attempt at an inline Map: lanes that take iterations from a queue."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._lines: dict[int, Line] = {}
        self._last_success = 0

    async def run(self) -> Json:
        visit = self._visit
        with visit.locating():
            document = data_flow.select(visit, "InputPath", visit.input)
            items = items_of(visit, document)
            limit = data_flow.number(visit.state, "MaxConcurrency", visit, document) or MAXIMUM_CONCURRENCY
        iterations = self._iterations(items, document)
        outstanding = iter([index for index, progress in enumerate(iterations) if not progress.done])
        lanes = []
        for _ in range(min(limit, len(iterations))):
            trace = visit.trace.fork()
            index = self._start_next(outstanding, trace)
            if index is None:
                break
            lanes.append(self._lane(index, outstanding, trace, iterations, items))
        try:
            await all_or_none(lanes)
        except LineFailed as failed:
            self._record_failure(failed)
            raise failed.failure from failed
        visit.trace.last = self._last_success or visit.trace.last
        return finish_lines(visit, iterations)

    def _iterations(self, items: list[Item], document: Json) -> list[Progress]:
        visit = self._visit
        progress = visit.line.progress
        if progress.inner is None:
            visit.trace.add("MapStateStarted", {"length": len(items)})
            visit.started = True
            with visit.locating():
                progress.inner = [
                    Progress(input=self._input_of(index, item, document)) for index, item in enumerate(items)
                ]
        visit.started = True
        return progress.inner

    def _input_of(self, index: int, item: Item, document: Json) -> Json:
        visit = self._visit
        field = selector_field(visit.state)
        if field is None:
            return item.input
        context = {**visit.context, **_item_context(index, item)}
        given = templates.fill(visit.state[field], document, context, field=field)
        limited_text_of(given, visit.name)
        return given

    def _start_next(self, outstanding: Iterator[int], trace: Trace) -> int | None:
        index = next(outstanding, None)
        if index is not None:
            trace.add("MapIterationStarted", self._details(index))
        return index

    def _details(self, index: int) -> dict[str, Json]:
        return {"name": self._visit.name, "index": index}

    async def _lane(
        self, first: int, outstanding: Iterator[int], trace: Trace, iterations: list[Progress], items: list[Item]
    ) -> None:
        visit = self._visit
        index: int | None = first
        while index is not None:
            line = visit.line.inner(
                processor_of(visit.state), iterations[index], trace, _item_context(index, items[index])
            )
            self._lines[index] = line
            try:
                await visit.world.engine.walk(line)
            except StatesError as failure:
                raise LineFailed(line, failure) from failure
            self._last_success = trace.note("MapIterationSucceeded", self._details(index))
            del self._lines[index]
            index = self._start_next(outstanding, trace)

    def _record_failure(self, failed: LineFailed) -> None:
        trace = self._visit.trace
        trace.last = failed.line.trace.last
        if failed.failure.error in FATAL:
            return
        for index, line in sorted(self._lines.items()):
            ending = "Failed" if line is failed.line else "Aborted"
            trace.note(f"MapIteration{ending}", self._details(index))
            record_abortion(line, trace)


def _item_context(index: int, item: Item) -> dict[str, Json]:
    return {"Map": {"Item": item.context(index)}}

"""All executions and Map Runs, found by their ARNs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from infra.local.step_functions.errors import missing_execution, missing_resource
from infra.local.step_functions.records import ExecutionRecord
from workflows.interpreter import ChildExecution, Event, Journal, MapRun

INTERRUPTED = "The embedded AWS was stopped while the execution was running. Redrive the execution to go on."


class Store:
    """The executions that can be looked up, and the interpreter's `Observer` that keeps track of Map Runs.

    Express executions are not kept: nothing can be asked of them once they have ended.

    Attributes
    ----------
    deleting
        ARNs of the state machines whose executions are to end.
    """

    def __init__(self) -> None:
        self.deleting: set[str] = set()
        self._executions: dict[str, ExecutionRecord] = {}
        self._of_machine: defaultdict[str, list[ExecutionRecord]] = defaultdict(list)
        self._map_runs: dict[str, MapRun] = {}
        self._children: dict[str, tuple[MapRun, ChildExecution]] = {}

    def add(self, record: ExecutionRecord) -> None:
        """Keep a Standard execution."""
        self._executions[record.arn] = record
        self._of_machine[record.machine.arn].append(record)

    def find(self, arn: str) -> ExecutionRecord | None:
        """Find an execution that is no child of a Map Run."""
        return self._executions.get(arn)

    def get(self, arn: str) -> ExecutionRecord:
        """Find an execution that is no child of a Map Run.

        Raises
        ------
        ApiError
            ``ExecutionDoesNotExist``.
        """
        if arn not in self._executions:
            raise missing_execution(arn)
        return self._executions[arn]

    def child(self, arn: str) -> tuple[MapRun, ChildExecution] | None:
        """Find a child of a Map Run."""
        return self._children.get(arn)

    def map_run(self, arn: str) -> MapRun:
        """Find a Map Run.

        Raises
        ------
        ApiError
            ``ResourceNotFound``.
        """
        if arn not in self._map_runs:
            raise missing_resource(arn)
        return self._map_runs[arn]

    def of_machine(self, arn: str) -> list[ExecutionRecord]:
        """List the executions of a state machine, in the order in which they started."""
        return list(self._of_machine.get(arn, ()))

    def running(self) -> list[ExecutionRecord]:
        """List the executions that run."""
        return [record for record in list(self._executions.values()) if record.status == "RUNNING"]

    def on_event(self, journal: Journal, event: Event) -> None:
        """End an execution whose state machine is being deleted at its next state."""
        if self.deleting and event.type.endswith("StateExited"):
            record = self._executions.get(journal.execution_arn)
            if record is not None and record.machine.arn in self.deleting and record.interpreter is not None:
                # When the state was the last one, the execution has ended before it can be stopped.
                asyncio.get_running_loop().call_soon(record.interpreter.stop)

    def on_map_run(self, map_run: MapRun) -> None:
        """Find the Map Run by its ARN from now on, and through its execution."""
        if map_run.arn not in self._map_runs:
            self._map_runs[map_run.arn] = map_run
            if (record := self._executions.get(map_run.execution_arn)) is not None:
                record.map_runs.append(map_run)

    def on_child(self, map_run: MapRun, child: ChildExecution) -> None:
        """Find the child by its ARN from now on."""
        self._children[child.arn] = (map_run, child)

    def save(self) -> list[dict[str, Any]]:
        """Return what survives a restart."""
        return [record.save() for record in self._executions.values()]

    def load(self, saved: list[dict[str, Any]]) -> None:
        """Take back what `save` returned.

        Executions that were running are aborted, not resumed: what their tasks started has gone with the process,
        and work must not begin by itself when the embedded AWS is started for something else. Their resume points
        are kept, so that a redrive goes on where they stood.
        """
        for one in saved:
            record = ExecutionRecord.load(one)
            if record.status == "RUNNING":
                record.interrupted(INTERRUPTED)
            self.add(record)
            for map_run in record.map_runs:
                self._map_runs[map_run.arn] = map_run
                for child in map_run.children or ():
                    if child.started is not None:
                        self._children[child.arn] = (map_run, child)

    def clear(self) -> None:
        """Forget everything."""
        for index in (self._executions, self._of_machine, self._map_runs, self._children, self.deleting):
            index.clear()

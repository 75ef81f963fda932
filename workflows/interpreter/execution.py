"""The interpreter's front door: run, redrive or stop one execution."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

from workflows.interpreter.engine import StateEngine
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import (
    ChecksRequests,
    Clock,
    Execution,
    Json,
    Observer,
    Outcome,
    Tasks,
)
from workflows.interpreter.journal import Journal, Trace
from workflows.interpreter.progress import Progress
from workflows.interpreter.task_history import failure_details
from workflows.interpreter.visit import World


class Interpreter:
    """Executes one state machine once, and again when it is redriven.

    Parameters
    ----------
    definition
        The state machine, as `definition.load` gives it.
    tasks
        Who does the work of Task states, item readers and result writers.
    clock
        Tells the time and waits.
    journal
        Takes the history. For a redrive: the journal of the run before.
    progress
        Takes the resume points while the execution runs. For a redrive: the progress of the run before.
    observer
        Is told of events, Map Runs and child executions.
    random
        Source of jitter, task tokens and names of child executions; seed it to have the same again.

    Examples
    --------
    >>> interpreter = Interpreter(definition, tasks, RealClock(), Journal(execution.arn))
    >>> outcome = await interpreter.run(execution)
    >>> outcome.status
    'SUCCEEDED'
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        tasks: Tasks,
        clock: Clock,
        journal: Journal,
        *,
        progress: Progress | None = None,
        observer: Observer | None = None,
        random: Random | None = None,
    ) -> None:
        self.progress = progress or Progress()
        self.journal = journal
        self._definition = definition
        self._tasks = tasks
        self._clock = clock
        self._observer = observer
        self._random = random or Random()  # noqa: S311 - names and jitter, no secrets
        self._running: asyncio.Task[Outcome] | None = None
        self._stop: StatesError | None = None
        if observer is not None:
            journal.on_event = observer.on_event

    async def run(self, execution: Execution) -> Outcome:
        """Run the execution from its start.

        Returns
        -------
        How it ended. Failures of the workflow are outcomes, never exceptions.
        """
        self.progress.input = execution.input
        return await self._execute(execution, redriven=False)

    async def redrive(self, execution: Execution) -> Outcome:
        """Go on where the execution ended without success: what succeeded is not run again.

        Parameters
        ----------
        execution
            The execution as it was run, with its new `redrive_count` and `redrive_time`.
        """
        return await self._execute(execution, redriven=True)

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Abort the execution, and with it every task that is under way."""
        self._stop = StatesError(error, cause)
        if self._running is not None:
            self._running.cancel()

    async def _execute(self, execution: Execution, *, redriven: bool) -> Outcome:
        trace = Trace(self.journal, self._clock, len(self.journal))
        engine = StateEngine()
        world = World(
            engine=engine,
            execution=execution,
            tasks=self._tasks,
            clock=self._clock,
            trace=trace,
            random=self._random,
            observer=self._observer,
            check=self._tasks.check if isinstance(self._tasks, ChecksRequests) else None,
        )
        self._running = asyncio.ensure_future(engine.execute(world, self._definition, self.progress, redriven=redriven))
        if self._stop is not None:
            self._running.cancel()
        try:
            return await self._running
        except asyncio.CancelledError:
            if self._stop is None:
                raise
        finally:
            self._running = None
        details: dict[str, Json] = failure_details(self._stop)
        # It comes from outside: in the histories of AWS it follows no other event.
        Trace(self.journal, self._clock).add("ExecutionAborted", details)
        return Outcome("ABORTED", error=self._stop.error, cause=self._stop.cause)

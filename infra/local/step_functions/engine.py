"""Runs executions: every interpreter lives on one event loop, in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from infra.local.step_functions.records import ExecutionRecord
from workflows.interpreter import Interpreter, Observer, Outcome, RealClock, Tasks

logger = logging.getLogger(__name__)

T = TypeVar("T")

EXPRESS_SECONDS = 300
"""How long an Express execution may take (developer guide, "Choosing workflow type")."""

ABORT_SECONDS = 15.0
"""How long an execution may take to stop the jobs that it waits for."""


class Engine:
    """The loop on which executions run.

    Parameters
    ----------
    tasks
        Who does the work.
    observer
        Who is told of what happens.
    ended
        Called on the loop with each execution that ended.
    """

    def __init__(self, tasks: Tasks, observer: Observer, ended: Callable[[ExecutionRecord], None]) -> None:
        self._tasks = tasks
        self._observer = observer
        self._ended = ended
        self._clock = RealClock()
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="step-functions", daemon=True)
        self._thread.start()

    def start(self, record: ExecutionRecord) -> concurrent.futures.Future[None]:
        """Run an execution; the future is done when it has ended."""
        return self.submit(self._run(record))

    async def stop(self, record: ExecutionRecord, error: str | None, cause: str | None) -> None:
        """Abort an execution and wait until it has ended. To be awaited on any loop."""
        await asyncio.wrap_future(self.submit(self.abort(record, error, cause)))

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the engine's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Callable[[], T]) -> T:
        """Run a function on the engine's loop, where nothing else happens meanwhile, and wait for it."""
        if not self._thread.is_alive():
            return work()

        async def on_loop() -> T:
            return work()

        return self.submit(on_loop()).result()

    def close(self) -> None:
        """Stop the loop; executions must have ended."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _run(self, record: ExecutionRecord) -> None:
        self._running[record.arn] = cast("asyncio.Task[Any]", asyncio.current_task())
        try:
            outcome = await self._interpret(record)
        except Exception as defect:
            # Nothing that a workflow does may leave its execution running for ever.
            logger.exception("the interpreter failed on %s", record.arn)
            outcome = Outcome("FAILED", error="States.Runtime", cause=f"The interpreter failed: {defect!r}")
        finally:
            del self._running[record.arn]
        record.end(outcome)
        self._ended(record)

    async def _interpret(self, record: ExecutionRecord) -> Outcome:
        definition = record.machine.parsed()
        if record.machine.express:
            limit = min(definition.get("TimeoutSeconds", EXPRESS_SECONDS), EXPRESS_SECONDS)
            definition = {**definition, "TimeoutSeconds": limit}
        record.interpreter = Interpreter(
            definition,
            self._tasks,
            self._clock,
            record.journal,
            progress=record.progress,
            observer=self._observer,
        )
        execution = record.execution()
        if record.redrives:
            return await record.interpreter.redrive(execution)
        return await record.interpreter.run(execution)

    async def abort(self, record: ExecutionRecord, error: str | None, cause: str | None) -> None:
        """Abort an execution and wait until it has ended. To be awaited on the engine's loop."""
        running = self._running.get(record.arn)
        if running is not None and record.interpreter is not None:
            record.interpreter.stop(error, cause)
            await asyncio.wait({running}, timeout=ABORT_SECONDS)

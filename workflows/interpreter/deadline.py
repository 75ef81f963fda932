"""Work with a time limit and a heartbeat, on any clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from workflows.interpreter.interfaces import Clock
from workflows.interpreter.recovery import AliasedFailure

T = TypeVar("T")


class Overdue(AliasedFailure):
    """Work that took too long, or a worker that was silent for too long: both are reported as States.Timeout."""

    def __init__(self, alias: str | None = None) -> None:
        super().__init__("States.Timeout", None, alias)


class Pulse:
    """When work showed its last sign of life."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last = clock.now()

    def beat(self) -> None:
        """Take note of a sign of life."""
        self.last = self._clock.now()


async def within(
    work: Coroutine[Any, Any, T],
    clock: Clock,
    *,
    limit: float | None,
    heartbeat: float | None = None,
    pulse: Pulse | None = None,
) -> T:
    """Do `work`, but cancel it when `limit` seconds are over or `pulse` was silent for `heartbeat` seconds.

    Raises
    ------
    Overdue
        The time is over. The work has ended by then.
    """
    if limit is None and heartbeat is None:
        return await work
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_overdue(clock, limit, heartbeat, pulse))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise watching.result()
    finally:
        await _end(watching)
        await _end(working)


async def _overdue(clock: Clock, limit: float | None, heartbeat: float | None, pulse: Pulse | None) -> Overdue:
    """Return the error when the time is over."""
    start = clock.now()
    deadline = None if limit is None else start + timedelta(seconds=limit)
    while True:
        now = clock.now()
        due = deadline
        if heartbeat is not None and pulse is not None:
            silent = pulse.last + timedelta(seconds=heartbeat)
            if silent <= now:
                return Overdue("States.HeartbeatTimeout")
            due = silent if due is None else min(due, silent)
        if deadline is not None and deadline <= now:
            return Overdue()
        if due is None:
            raise ValueError("There is neither a limit nor a heartbeat to watch.")
        await clock.sleep((due - now).total_seconds())


async def _end(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait until it has ended."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # An exception that nobody asks for would be logged as lost.

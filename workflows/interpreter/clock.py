"""Clocks: the wall's, and one that jumps to the next moment at which anything happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from workflows.interpreter.errors import InterpreterError

T = TypeVar("T")

VIRTUAL_START = datetime(2030, 1, 1, tzinfo=UTC)


class RealClock:
    """The time of this computer."""

    def now(self) -> datetime:
        """Tell the time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)


class NothingLeftToHappen(InterpreterError):
    """Everything on a virtual clock waits, and for nothing that time would bring."""


class _JumpingSelector(selectors.BaseSelector):
    """A selector that moves the time ahead instead of waiting."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._selector = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._selector.select(0)
        if not ready:
            if timeout is None:
                raise NothingLeftToHappen("Every task waits for something that will never happen.")
            self.elapsed += max(timeout, 0.0)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()

    def close(self) -> None:
        self._selector.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time: when it is idle, its time is that of the next timer.

    It is deterministic as long as what runs on it uses neither threads nor sockets.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # asyncio rings timers that are due within its clock's resolution. After half a year, adding a nanosecond,
        # its usual resolution, to a float of seconds changes nothing, and due timers would never ring.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Tell the seconds that have passed on this loop."""
        return self._jumping.elapsed


class VirtualClock:
    """The time of a `VirtualLoop`, as a date.

    Parameters
    ----------
    start
        The date at which the loop begins, timezone-aware.
    """

    def __init__(self, start: datetime = VIRTUAL_START) -> None:
        self.start = start

    def now(self) -> datetime:
        """Tell the virtual time in UTC."""
        return self.start + timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass, which takes none."""
        await asyncio.sleep(seconds)


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a `VirtualLoop` to its end.

    Raises
    ------
    NothingLeftToHappen
        If all that is left waits for ever.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)

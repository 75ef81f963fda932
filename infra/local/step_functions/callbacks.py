"""Task tokens: tasks that wait until somebody reports their end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.step_functions.errors import ApiError
from workflows.interpreter.errors import StatesError

_REMEMBERED = 10_000
"""How many ended tokens are told from tokens that never were."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    beat: Callable[[], None]


class Callbacks:
    """The tokens in the world. Tasks wait on the engine's loop; reports come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    @contextlib.contextmanager
    def expect(self, token: str, beat: Callable[[], None]) -> Iterator[asyncio.Future[Any]]:
        """Accept reports about `token` inside the block, on the running loop.

        Yields
        ------
        A future of the task's output; it raises `StatesError` when the task is reported failed.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop, loop.create_future(), beat)
        with self._lock:
            self._waiting[token] = waiting
        try:
            yield waiting.answer
        finally:
            with self._lock:
                self._end(token)
            if waiting.answer.done() and not waiting.answer.cancelled():
                waiting.answer.exception()  # a report that came after a timeout is nobody's error
            else:
                waiting.answer.cancel()

    def check(self, token: str) -> None:
        """Check that a task waits for reports about `token`; raises as `succeed` does."""
        with self._lock:
            self._find(token)

    def succeed(self, token: str, output: Any) -> None:
        """End the task with `output`.

        Raises
        ------
        ApiError
            ``InvalidToken`` for a token that never was, ``TaskTimedOut`` for one that has ended.
        """
        waiting = self._take(token)
        waiting.loop.call_soon_threadsafe(_settle, waiting.answer, output, None)

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """End the task with an error; raises as `succeed` does."""
        waiting = self._take(token)
        waiting.loop.call_soon_threadsafe(_settle, waiting.answer, None, StatesError(error, cause))

    def heartbeat(self, token: str) -> None:
        """Take note that the task is alive; raises as `succeed` does."""
        with self._lock:
            waiting = self._find(token)
        waiting.loop.call_soon_threadsafe(waiting.beat)

    def _take(self, token: str) -> _Waiting:
        with self._lock:
            waiting = self._find(token)
            self._end(token)
        return waiting

    def _find(self, token: str) -> _Waiting:
        if token in self._waiting:
            return self._waiting[token]
        if token in self._ended:
            raise ApiError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")

    def _end(self, token: str) -> None:
        self._waiting.pop(token, None)
        self._ended[token] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)


def _settle(answer: asyncio.Future[Any], output: Any, error: StatesError | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(output)
    else:
        answer.set_exception(error)

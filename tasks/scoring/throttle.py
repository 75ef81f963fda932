"""How hard a job leans on a service that others need too: few calls at once, at a pace, and less when it says later."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tasks.errors import ServiceUnavailable

_Thing = TypeVar("_Thing")
_Outcome = TypeVar("_Outcome")

#: Together the waits last two minutes on average, in which an autoscaling group or a deployment may help.
_ATTEMPTS = 14
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 30.0


class Pressure:
    """The bound of one job.

    Parameters
    ----------
    calls_per_second
        Calls that the job may begin in a second, repeated ones included.
    in_flight
        Pieces of work that may be under way. Who waits for another attempt keeps its place among them, so that a
        service in trouble is asked less.
    attempts
        How often a call is tried in all.
    clock
        Gives seconds that never run backwards.
    wait
        Sleeps for some seconds; default: until they are over, or another piece of work has failed.
    """

    def __init__(
        self,
        calls_per_second: float,
        in_flight: int,
        *,
        attempts: int = _ATTEMPTS,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._interval, self._in_flight, self._attempts, self._clock = 1 / calls_per_second, in_flight, attempts, clock
        self._over = threading.Event()
        self._wait = wait or self._over.wait
        self._lock = threading.Lock()
        self._next_call_at = float("-inf")

    def each(self, work: Callable[[_Thing], _Outcome], things: Iterable[_Thing]) -> list[_Outcome]:
        """Do some work with each thing; the outcomes have the order of the things.

        Raises
        ------
        Exception
            What the work raised first; the rest is not begun then, and what is under way makes no further call.
        """
        pool = ThreadPoolExecutor(self._in_flight)
        failures: list[Exception] = []

        def unless_over(thing: _Thing) -> _Outcome:
            self._refuse_if_over()
            try:
                return work(thing)
            except Exception as error:
                failures.append(error)
                self._over.set()
                raise

        try:
            return [future.result() for future in [pool.submit(unless_over, thing) for thing in things]]
        except BaseException as error:
            self._over.set()  # also where the process is told to end
            if isinstance(error, Exception):
                raise failures[0] from None
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def call(self, ask: Callable[[], _Outcome]) -> _Outcome:
        """Make a call at the pace, and again while the service says "later", with growing and random waits in between.

        The wait before attempt n is anything up to 0.25 s x 2^(n-1), at most 30 s (AWS Architecture Blog,
        "Exponential Backoff And Jitter": full jitter).

        Raises
        ------
        ServiceUnavailable
            If it said so at each attempt.
        """
        return self.patiently(lambda: self._in_turn(ask))

    def patiently(self, ask: Callable[[], _Outcome]) -> _Outcome:
        """As `call`, without the pace."""
        longest = _FIRST_WAIT_SECONDS
        for attempt in range(1, self._attempts + 1):
            try:
                return ask()
            except ServiceUnavailable:
                if attempt == self._attempts or self._over.is_set():
                    raise
            self._wait(random.uniform(0, longest))  # noqa: S311  (nothing secret about it)
            longest = min(_LONGEST_WAIT_SECONDS, longest * 2)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _in_turn(self, ask: Callable[[], _Outcome]) -> _Outcome:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next_call_at)
            self._next_call_at = turn + self._interval
        if turn > now:
            self._wait(turn - now)
        self._refuse_if_over()
        return ask()

    def _refuse_if_over(self) -> None:
        if self._over.is_set():
            raise ServiceUnavailable("another call of the job has failed for good")

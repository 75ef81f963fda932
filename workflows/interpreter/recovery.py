"""Retry and Catch.

Facts: Step Functions developer guide, "Handling errors in Step Functions workflows". One of them is
not what the guide says but what Step Functions does: States.ALL catches States.DataLimitExceeded of a task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

from workflows.interpreter import data_flow
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.visit import Visit

DEFAULT_INTERVAL_SECONDS = 1
DEFAULT_MAX_ATTEMPTS = 3
DEFAULT_BACKOFF_RATE = 2.0

FATAL = frozenset({"States.Runtime"})
"""Errors that no Retry or Catch stops: they end the whole execution at once, whatever runs beside."""


class AliasedFailure(StatesError):
    """A failure that Retry and Catch know by a second name, under which it is never reported.

    Parameters
    ----------
    error, cause
        What is reported.
    alias
        The second name: States.HeartbeatTimeout for a worker's silence, States.BranchFailed for any failure of a
        branch. None for no second name.
    """

    def __init__(self, error: str | None, cause: str | None, alias: str | None) -> None:
        super().__init__(error, cause)
        self.alias = alias


def matches(names: Sequence[str], failure: StatesError) -> bool:
    """Tell whether `ErrorEquals` names the failure, by one of its names or by a wildcard."""
    error = failure.error
    if error in FATAL:
        return False
    if error in names or "States.ALL" in names:
        return True
    if isinstance(failure, AliasedFailure) and failure.alias in names:
        return True
    return error != "States.Timeout" and "States.TaskFailed" in names


class Retriers:
    """The `Retry` of a state, with the attempts that each retrier has used up.

    Parameters
    ----------
    retriers
        The field `Retry`.
    random
        Source of the jitter.
    """

    def __init__(self, retriers: Sequence[Mapping[str, Any]], random: Random) -> None:
        self._retriers = retriers
        self._random = random
        self._used = [0] * len(retriers)

    def delay(self, failure: StatesError) -> float | None:
        """Seconds to wait before the next attempt, or None if there shall be none."""
        for position, retrier in enumerate(self._retriers):
            if matches(retrier["ErrorEquals"], failure):
                used = self._used[position]
                if used >= retrier.get("MaxAttempts", DEFAULT_MAX_ATTEMPTS):
                    return None
                self._used[position] = used + 1
                return self._delay_after(retrier, used)
        return None

    def _delay_after(self, retrier: Mapping[str, Any], used: int) -> float:
        delay: float = retrier.get("IntervalSeconds", DEFAULT_INTERVAL_SECONDS)
        longest: float | None = retrier.get("MaxDelaySeconds")
        try:
            delay *= retrier.get("BackoffRate", DEFAULT_BACKOFF_RATE) ** used
        except OverflowError:
            delay = float("inf")
        if longest is not None:
            delay = min(delay, longest)
        return self._random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay


async def with_recovery(visit: Visit, attempt: Callable[[], Awaitable[Json]]) -> tuple[str | None, Json]:
    """Make attempts at a state until one succeeds, none is left, or a catcher takes over.

    Returns
    -------
    The next state (None at the end) and the output.

    Raises
    ------
    StatesError
        What the last attempt failed with, if nothing catches it.
    """
    state = visit.state
    retriers = Retriers(state.get("Retry", ()), visit.world.random)
    while True:
        try:
            return state.get("Next"), await attempt()
        except StatesError as failure:
            delay = retriers.delay(failure)
            if delay is None:
                return _caught(visit, failure)
        await visit.world.clock.sleep(delay)
        visit.begin_anew()


def _caught(visit: Visit, failure: StatesError) -> tuple[str, Json]:
    if visit.started and failure.error not in FATAL:
        visit.trace.add(f"{visit.state['Type']}StateFailed")
    for catcher in visit.state.get("Catch", ()):
        if matches(catcher["ErrorEquals"], failure):
            # What a worker does not tell is null; a timeout's cause is an empty text (recorded answers of AWS).
            no_cause = "" if failure.error == "States.Timeout" else None
            report = {"Error": failure.error, "Cause": no_cause if failure.cause is None else failure.cause}
            with visit.locating():
                return catcher["Next"], data_flow.combine(catcher.get("ResultPath", "$"), visit.input, report)
    raise failure

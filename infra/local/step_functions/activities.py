"""Activities: work that is fetched by workers instead of being sent to them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.local.step_functions.errors import ApiError, missing_activity
from infra.local.step_functions.machines import OWNED_KEY

POLL_SECONDS = 60.0
"""How long GetActivityTask waits for work (API reference, "GetActivityTask")."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A registered activity; `created` in epoch seconds, `encryption` as it is described."""

    arn: str
    name: str
    created: float
    encryption: dict[str, Any] = field(default_factory=lambda: dict(OWNED_KEY))


@dataclass(frozen=True, slots=True)
class Work:
    """One task of an activity, waiting for a worker.

    Attributes
    ----------
    token
        With which the worker reports.
    input
        JSON text.
    started
        To be called with the worker's name, or ``None``, on the engine's loop.
    abandoned
        Whether nobody waits for the task any more.
    """

    token: str
    input: str
    started: Callable[[str | None], None]
    abandoned: Callable[[], bool]


@dataclass(slots=True)
class _Desk:
    work: deque[Work] = field(default_factory=deque)
    workers: deque[asyncio.Future[Work]] = field(default_factory=deque)


class Activities:
    """The registered activities and their queues. The queues belong to the engine's loop."""

    def __init__(self) -> None:
        self._activities: dict[str, Activity] = {}
        self._desks: defaultdict[str, _Desk] = defaultdict(_Desk)

    def create(self, arn: str, name: str, encryption: dict[str, Any]) -> Activity:
        """Register an activity; one that is registered stays as it is.

        Raises
        ------
        ApiError
            ``ActivityAlreadyExists`` for one that is encrypted in another way.
        """
        activity = self._activities.setdefault(arn, Activity(arn, name, round(time.time(), 3), encryption))
        if activity.encryption != encryption:
            message = "Activity already exists. EncryptionConfiguration may not be updated."
            raise ApiError("ActivityAlreadyExists", f"Activity Already Exists: '{message}'")
        return activity

    def delete(self, arn: str) -> None:
        """Forget an activity; nothing happens if it is not there."""
        self._activities.pop(arn, None)

    def get(self, arn: str) -> Activity:
        """Find an activity.

        Raises
        ------
        ApiError
            ``ActivityDoesNotExist``.
        """
        if arn not in self._activities:
            raise missing_activity(arn)
        return self._activities[arn]

    def knows(self, arn: str) -> bool:
        """Whether an activity is registered."""
        return arn in self._activities

    def registered(self, account: str, region: str) -> list[Activity]:
        """List the activities of an account and region, oldest first."""
        prefix = f"arn:aws:states:{region}:{account}:activity:"
        return [activity for arn, activity in self._activities.items() if arn.startswith(prefix)]

    def offer(self, arn: str, work: Work) -> None:
        """Give `work` to the first worker that waits for it, now or later."""
        desk = self._desks[arn]
        while desk.workers:
            worker = desk.workers.popleft()
            if not worker.done():
                worker.set_result(work)
                return
        desk.work.append(work)

    async def take(self, arn: str, worker: str | None, seconds: float = POLL_SECONDS) -> Work | None:
        """Wait for work; ``None`` when there is none within `seconds`."""
        desk = self._desks[arn]
        while desk.work:
            work = desk.work.popleft()
            if not work.abandoned():
                work.started(worker)
                return work
        waiting: asyncio.Future[Work] = asyncio.get_running_loop().create_future()
        desk.workers.append(waiting)
        try:
            work = await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            return None
        work.started(worker)
        return work

    def save(self) -> list[dict[str, Any]]:
        """Return what survives a restart."""
        return [asdict(activity) for activity in self._activities.values()]

    def load(self, saved: list[dict[str, Any]]) -> None:
        """Take back what `save` returned."""
        self._activities = {record["arn"]: Activity(**record) for record in saved}

    def clear(self) -> None:
        """Forget everything."""
        self._activities.clear()

"""What workers call: task tokens and activities."""

from __future__ import annotations

import asyncio
from typing import Any

from infra.local.step_functions.actions.caller import Caller
from infra.local.step_functions.activities import Activities, Activity
from infra.local.step_functions.callbacks import Callbacks
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.paging import page
from infra.local.step_functions.settings import Settings, check_name
from infra.local.step_functions.tags import Tags, checked
from infra.local.step_functions.texts import NoJsonError, json_of


class WorkerActions:
    """Operations on task tokens and activities."""

    def __init__(
        self, callbacks: Callbacks, activities: Activities, engine: Engine, settings: Settings, tags: Tags
    ) -> None:
        self._callbacks = callbacks
        self._activities = activities
        self._engine = engine
        self._settings = settings
        self._tags = tags

    def succeed(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer SendTaskSuccess. A bad token is reported before a bad output."""
        self._callbacks.check(request["taskToken"])
        try:
            output = json_of(request["output"])
        except NoJsonError as problem:
            raise ApiError("InvalidOutput", f"Invalid Output: '{problem}'") from problem
        self._callbacks.succeed(request["taskToken"], output)
        return {}

    def fail(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer SendTaskFailure."""
        self._callbacks.fail(request["taskToken"], request.get("error"), request.get("cause"))
        return {}

    def heartbeat(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer SendTaskHeartbeat."""
        self._callbacks.heartbeat(request["taskToken"])
        return {}

    async def create_activity(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer CreateActivity; one that exists stays as it is."""
        name = request["name"]
        check_name(name)
        arn = caller.arn("activity", name)
        tags = checked(request.get("tags", ()), arn, system=caller.of_aws)
        known = self._activities.knows(arn)
        activity = self._activities.create(arn, name, await self._settings.encryption(request))
        if not known:
            self._tags.put(arn, tags)
        return {"activityArn": activity.arn, "creationDate": activity.created}

    def delete_activity(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DeleteActivity, also for one that is not there."""
        self._activities.delete(request["activityArn"])
        self._tags.forget(request["activityArn"])
        return {}

    def describe_activity(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeActivity."""
        activity = self._activities.get(request["activityArn"])
        return _listing(activity) | {"encryptionConfiguration": dict(activity.encryption)}

    def list_activities(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer ListActivities."""
        found = self._activities.registered(caller.account, caller.region)
        shown, more = page(found, request, f"activities of {caller.account} in {caller.region}")
        return {"activities": [_listing(activity) for activity in shown], **more}

    async def activity_task(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer GetActivityTask when there is work, or without any after a minute."""
        arn = request["activityArn"]
        self._activities.get(arn)
        taking = self._engine.submit(self._activities.take(arn, request.get("workerName")))
        work = await asyncio.wrap_future(taking)
        return {} if work is None else {"taskToken": work.token, "input": work.input}


def _listing(activity: Activity) -> dict[str, Any]:
    return {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created}

"""What workers call: task tokens and activities."""

from __future__ import annotations

import asyncio
from typing import Any

from infra.local.step_functions.actions.machine_actions import check_name
from infra.local.step_functions.activities import Activities, Activity
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.callbacks import Callbacks
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.paging import page
from workflows.interpreter.json_text import JsonError, parse


class WorkerActions:
    """Operations on task tokens and activities."""

    def __init__(self, callbacks: Callbacks, activities: Activities, engine: Engine) -> None:
        self._callbacks = callbacks
        self._activities = activities
        self._engine = engine

    def succeed(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer SendTaskSuccess. A bad token is reported before a bad output."""
        self._callbacks.check(request["taskToken"])
        try:
            output = parse(request["output"])
        except JsonError as problem:
            raise ApiError("InvalidOutput", f"Invalid Output: '{problem.message}'") from problem
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

    def create_activity(self, request: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """Answer CreateActivity; one that exists stays as it is."""
        name = request["name"]
        check_name(name)
        activity = self._activities.create(str(Arn(region, account, "activity", name)), name)
        return {"activityArn": activity.arn, "creationDate": activity.created}

    def delete_activity(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DeleteActivity, also for one that is not there."""
        Arn.parse(request["activityArn"], "activity")
        self._activities.delete(request["activityArn"])
        return {}

    def describe_activity(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeActivity."""
        Arn.parse(request["activityArn"], "activity")
        return _listing(self._activities.get(request["activityArn"]))

    def list_activities(self, request: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """Answer ListActivities."""
        found = self._activities.registered(account, region)
        shown, more = page(found, request, f"activities of {account} in {region}")
        return {"activities": [_listing(activity) for activity in shown], **more}

    async def activity_task(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer GetActivityTask when there is work, or without any after a minute."""
        arn = request["activityArn"]
        Arn.parse(arn, "activity")
        self._activities.get(arn)
        taking = self._engine.submit(self._activities.take(arn, request.get("workerName")))
        work = await asyncio.wrap_future(taking)
        return {} if work is None else {"taskToken": work.token, "input": work.input}


def _listing(activity: Activity) -> dict[str, Any]:
    return {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created}

"""S3 objects for item readers and result writers of Distributed Maps."""

from __future__ import annotations

from infra.local.step_functions.integrations import failures
from infra.local.step_functions.integrations.calls import CallFailed, Calls, Unreachable
from infra.local.step_functions.integrations.shapes import epoch_millis
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.interfaces import Json

_ACTIONS = ("getObject", "listObjectsV2", "putObject")


class ObjectIntegration:
    """``arn:aws:states:::s3:…``, which only a Map can name."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def check(self, task: Task) -> None:
        """Leave it to the Map, which is not checked; see `Integration`."""

    async def request(self, task: Task) -> Json:
        """Read an object (`Body` in bytes), list a page of objects or write one; see `Integration`."""
        if task.resource.action not in _ACTIONS:
            raise task.impossible(f"item readers and result writers use {', '.join(_ACTIONS)}.")
        arguments = {name: value for name, value in task.arguments.items() if value is not None}
        if isinstance(arguments.get("Body"), str):
            arguments["Body"] = arguments["Body"].encode()
        try:
            answer = await self._calls(task.identity, "s3", task.resource.operation, arguments)
            if task.resource.action == "getObject":
                return {"Body": await self._calls.off_loop(answer["Body"].read)}
        except CallFailed as failure:
            raise failures.of_sdk(failure) from failure
        except Unreachable as failure:
            raise failures.of_client(failure, "S3") from failure
        answer.pop("ResponseMetadata")
        for found in answer.get("Contents", ()):
            found["LastModified"] = epoch_millis(found["LastModified"]) // 1000
        return answer

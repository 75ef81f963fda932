"""Optimized integrations: the services that Step Functions knows by heart.

Shapes of the answers: recorded answers of AWS; the services and actions: Step Functions developer guide, "Integrating
optimized services".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.step_functions.integrations import failures, names
from infra.local.step_functions.integrations.calls import CallFailed, Calls, Unreachable
from infra.local.step_functions.integrations.shapes import epoch_millis, to_output
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.interfaces import Json

# The headers that AWS's services send, as they write them; the emulator adds some that they do not.
_HEADER_NAMES = {
    "connection": "Connection",
    "content-length": "Content-Length",
    "content-type": "Content-Type",
    "date": "Date",
    "server": "Server",
    "x-amz-crc32": "x-amz-crc32",
    "x-amz-executed-version": "X-Amz-Executed-Version",
    "x-amz-log-result": "X-Amz-Log-Result",
    "x-amzn-requestid": "x-amzn-RequestId",
    "x-amzn-trace-id": "X-Amzn-Trace-Id",
}


class OptimizedIntegration:
    """A service called with its API's own member names, its answer accompanied by the SDK's metadata.

    Parameters
    ----------
    calls
        Makes the calls.
    service
        Botocore's name of the service.
    wording
        How its refusals are worded.
    """

    def __init__(self, calls: Calls, service: str, wording: failures.Wording) -> None:
        self._calls = calls
        self._service = service
        self._wording = wording

    def check(self, task: Task) -> None:
        """Check the arguments; see `Integration`."""
        self._request(task, self._model(task.resource.operation), task.arguments)

    async def request(self, task: Task) -> Json:
        """Call the action that the resource names; see `Integration`."""
        return await self.call(task, task.resource.operation, task.arguments)

    async def call(
        self,
        task: Task,
        operation: str,
        arguments: Mapping[str, Any],
        *,
        ready: Mapping[str, Any] | None = None,
        metadata: bool = True,
    ) -> dict[str, Any]:
        """Call `operation` and render the answer, members in alphabetical order.

        Parameters
        ----------
        ready
            Further arguments, as botocore takes them.
        metadata
            Whether the answer comes with `SdkHttpMetadata` and `SdkResponseMetadata`.

        Raises
        ------
        StatesError
            If the arguments do not fit or the service refuses.
        """
        model = self._model(operation)
        request = self._request(task, model, arguments)
        try:
            answer = await self._calls(task.identity, self._service, operation, request | (ready or {}))
        except CallFailed as failure:
            raise failures.of_optimized(failure, self._wording) from failure
        except Unreachable as failure:
            raise failures.of_client(failure, self._wording.prefix) from failure
        output: dict[str, Any] = {}
        if model.output_shape is not None:
            output = to_output(model.output_shape, answer, names.capitalized, epoch_millis)
        if metadata:
            output |= sdk_metadata(answer["ResponseMetadata"])
        return dict(sorted(output.items()))

    def _model(self, operation: str) -> Any:
        return self._calls.model(self._service).operation_model(operation)

    def _request(self, task: Task, model: Any, arguments: Mapping[str, Any]) -> Any:
        # DynamoDB's attribute values tell types apart: a number in the place of a text is a mistake there.
        return task.request_for(model, arguments, names.capitalized, scalars=self._service != "dynamodb")


def sdk_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Render botocore's `ResponseMetadata` as optimized integrations show it."""
    headers = {
        _HEADER_NAMES[name]: value for name, value in metadata.get("HTTPHeaders", {}).items() if name in _HEADER_NAMES
    }
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": metadata["HTTPStatusCode"],
        },
        "SdkResponseMetadata": {"RequestId": headers.get("x-amzn-RequestId", metadata.get("RequestId", ""))},
    }

"""AWS SDK integrations: any action of any service that botocore knows (``arn:aws:states:::aws-sdk:service:action``)."""

from __future__ import annotations

from typing import Any

from infra.local.step_functions.integrations import failures, names
from infra.local.step_functions.integrations.calls import CallFailed, Calls, Unreachable
from infra.local.step_functions.integrations.shapes import iso_time, to_output
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.interfaces import Json


class SdkIntegration:
    """Calls the action that the resource names, and renders its answer in the names of the SDK for Java 2.x."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def check(self, task: Task) -> None:
        """Check service, action and arguments; see `Integration`."""
        self._request(task, self._operation(task))

    async def request(self, task: Task) -> Json:
        """Call the action; see `Integration`."""
        operation = self._operation(task)
        service = operation.service_model.service_name
        arguments = self._request(task, operation)
        try:
            answer = await self._calls(task.identity, service, operation.name, arguments)
        except CallFailed as failure:
            raise failures.of_sdk(failure) from failure
        except Unreachable as failure:
            raise failures.of_client(failure, names.service_class(operation.service_model.service_id)) from failure
        if operation.output_shape is None:
            return {}
        return to_output(operation.output_shape, answer, names.member, iso_time)

    @staticmethod
    def _request(task: Task, operation: Any) -> Any:
        return task.request_for(operation, task.arguments, names.member, scalars=False)

    def _operation(self, task: Task) -> Any:
        service = names.botocore_service(task.resource.service)
        if service is None:
            raise task.impossible(f"there is no service {task.resource.service}.")
        model = self._calls.model(service)
        if task.resource.operation not in model.operation_names:
            raise task.impossible(f"{task.resource.service} has no action {task.resource.action}.")
        operation = model.operation_model(task.resource.operation)
        if operation.has_event_stream_output or operation.has_event_stream_input:
            raise task.impossible(f"{task.resource.action} answers with a stream of events, which is no JSON.")
        return operation

"""Lambda: as an optimized integration (``lambda:invoke``) and as a resource of its own (the function's ARN)."""

from __future__ import annotations

import json
import uuid
from typing import Any

from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.failures import Wording
from infra.local.step_functions.integrations.optimized import OptimizedIntegration
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.json_text import JsonError, parse
from workflows.interpreter.payload import text_of

LAMBDA = Wording("Lambda", "AWSLambda", "AWSLambdaException")


class FunctionIntegration(OptimizedIntegration):
    """``arn:aws:states:::lambda:invoke``: the answer holds the function's result as `Payload`."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, "lambda", LAMBDA)

    async def request(self, task: Task) -> Json:
        """Invoke; see `Integration`. A failed function fails the task under the function's own error name."""
        arguments, ready = dict(task.arguments), {}
        if isinstance(arguments.get("Payload"), str):  # a text is the payload itself (recorded answers of AWS)
            ready["Payload"] = _checked(arguments.pop("Payload")).encode()
        answer = await self.call(task, "Invoke", arguments, ready=ready)
        failed = answer.pop("FunctionError", None)
        text = answer.get("Payload", "")
        payload = _json(text)
        if failed:
            raise _function_error(payload, text_of(payload) if isinstance(payload, dict) else text)
        if text:
            answer["Payload"] = payload
        return answer


class FunctionArnIntegration(OptimizedIntegration):
    """A function's ARN as the resource: the input is the event, the output the function's result."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, "lambda", LAMBDA)

    def check(self, task: Task) -> None:
        """Take any input; see `Integration`."""

    async def request(self, task: Task) -> Json:
        """Invoke; see `Integration`."""
        event = text_of(task.call.arguments).encode()
        answer = await self.call(
            task, "Invoke", {"FunctionName": task.resource.arn}, ready={"Payload": event}, metadata=False
        )
        text = answer.get("Payload", "")
        payload = _json(text)
        if answer.get("FunctionError"):
            raise _function_error(payload, text)
        return payload


def _checked(payload: str) -> str:
    """Refuse a payload that is no JSON as Lambda does: the emulator takes it for an empty object."""
    try:
        parse(payload)
    except JsonError as problem:
        cause = (
            f"Could not parse request body into json: Could not parse payload into json: {problem.message} (Service: "
            f"AWSLambda; Status Code: 400; Error Code: InvalidRequestContentException; Request ID: {uuid.uuid4()}; "
            "Proxy: null)"
        )
        raise StatesError("Lambda.InvalidRequestContentException", cause) from problem
    return payload


def _function_error(payload: Any, cause: str) -> StatesError:
    name = payload.get("errorType") if isinstance(payload, dict) else None
    if name:
        return StatesError(str(name), cause)
    explanation = "The cause could not be determined because Lambda did not return an error type. Returned payload: "
    return StatesError("Lambda.Unknown", explanation + cause)


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text

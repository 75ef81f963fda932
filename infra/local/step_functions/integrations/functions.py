"""Lambda: as an optimized integration (``lambda:invoke``) and as a resource of its own (the function's ARN)."""

from __future__ import annotations

import uuid

from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.failures import Wording
from infra.local.step_functions.integrations.optimized import OptimizedIntegration
from infra.local.step_functions.integrations.task import Task
from infra.local.step_functions.texts import NoJsonError, json_of
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
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
        if failed:
            raise _function_error(text, compact=True)
        if text:
            answer["Payload"] = _result(text)
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
        if answer.get("FunctionError"):
            raise _function_error(text, compact=False)
        return _result(text)


def _checked(payload: str) -> str:
    """Refuse a payload that is no JSON as Lambda does: the emulator takes it for an empty object."""
    try:
        json_of(payload)
    except NoJsonError as problem:
        cause = (
            f"Could not parse request body into json: Could not parse payload into json: {problem} (Service: "
            f"AWSLambda; Status Code: 400; Error Code: InvalidRequestContentException; Request ID: {uuid.uuid4()}; "
            "Proxy: null)"
        )
        raise StatesError("Lambda.InvalidRequestContentException", cause) from problem
    return payload


def _function_error(text: str, *, compact: bool) -> StatesError:
    try:
        payload = json_of(text)
    except NoJsonError:
        payload = None
    if isinstance(payload, dict) and compact:
        text = text_of(payload)
    if isinstance(payload, dict) and payload.get("errorType"):
        return StatesError(str(payload["errorType"]), text)
    explanation = "The cause could not be determined because Lambda did not return an error type. Returned payload: "
    return StatesError("Lambda.Unknown", explanation + text)


def _result(text: str) -> Json:
    """Read what a function returned: Python's JSON may hold NaN, which Lambda hands on and Step Functions cannot read.

    Raises
    ------
    StatesError
        ``States.Runtime``: it is no JSON.
    """
    try:
        return json_of(text) if text else None
    except NoJsonError as problem:
        cause = f"The function returned a payload that is not valid JSON: {problem}"
        raise StatesError("States.Runtime", cause) from problem

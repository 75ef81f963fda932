"""TestState with a mock: a state that is not run, but given the result or the error of what it would have done.

Facts: API reference, TestState, and AWS's recorded refusals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.step_functions.actions.stages import Stages
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.integrations.answers import UnfitAnswerError, check_answer
from infra.local.step_functions.integrations.resource import Resource
from infra.local.step_functions.texts import NoJsonError, json_of
from workflows.interpreter import Json, Outcome, StatesError

_MOCKABLE = ("Task", "Map", "Parallel")
_NEEDING_A_MOCK = ("Map", "Parallel")
_THRESHOLD = ("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")

# The context object that may be given: its objects, and the texts among their fields.
_CONTEXT_FIELDS = {
    "Execution": ("Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"),
    "State": ("EnteredTime", "Name", "RetryCount"),
    "StateMachine": ("Id", "Name"),
    "Task": ("Token",),
}
_CONTEXT_NON_TEXTS = ("Input", "RetryCount", "RedriveCount")
PATTERNS_WITH_A_TASK = ("sync", "sync:2", "waitForTaskToken")


def check_request(state: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Refuse a mock that does not go with the state, and a state that does not go without one.

    Raises
    ------
    ApiError
        ``ValidationException`` or ``InvalidDefinition``, in AWS's words.
    """
    kind, mock = state["Type"], request.get("mock")
    if mock is None:
        if kind in _NEEDING_A_MOCK:
            raise ApiError(
                "InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types include: "
                "[Task, Wait, Pass, Succeed, Fail, Choice]",
            )
        if "context" in request:
            raise _refusal("A Context object may only be specified together with a mock.")
        return
    if kind not in _MOCKABLE:
        raise _refusal(f"State type '{kind}' is not supported when a mock is specified")
    if "result" in mock and "errorOutput" in mock:
        raise _refusal("A test mock should have only one of the following fields: [result, errorOutput].")
    if request.get("revealSecrets"):
        raise _refusal("TestState does not support RevealSecrets when a mock is specified.")
    if "result" in mock:
        _check_result(state, _result(mock), mock.get("fieldValidationMode", "STRICT"))


def context_of(state: Mapping[str, Any], text: str) -> dict[str, Json]:
    """Give the context object of a request.

    Raises
    ------
    ApiError
        ``ValidationException`` if it holds what it cannot hold.
    """
    try:
        context = json_of(text)
    except NoJsonError as problem:
        raise _refusal("Invalid Context object provided: it must be valid JSON") from problem
    if not isinstance(context, dict):
        raise _bad_context("it must be a JSON object")
    for name, inner in context.items():
        if name == "Map":
            raise _bad_context("'Map' field is not supported when mocking a Context object")
        if name not in _CONTEXT_FIELDS:
            raise _bad_context(f"Field '{name}' is not allowed")
        if not isinstance(inner, dict):
            raise _bad_context(f"{name} must be an object")
        for key, value in inner.items():
            if key not in _CONTEXT_FIELDS[name]:
                raise _bad_context(f"Field '{key}' is not allowed")
            if key not in _CONTEXT_NON_TEXTS and not isinstance(value, str):
                raise _bad_context(f"{name}.{key} must be a string")
    if "Task" in context and Resource.parse(state.get("Resource", "")).pattern not in PATTERNS_WITH_A_TASK:
        raise _bad_context(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return context


def run(
    state: Mapping[str, Any], given: Json, context: Json, request: Mapping[str, Any]
) -> tuple[Outcome, dict[str, Any]]:
    """Give what the state would end with, and what its data would look like on the way."""
    stages = Stages(state, given, context)
    more: dict[str, Any] = {}
    try:
        output = _walk(state, stages, more, request)
    except StatesError as failure:
        return Outcome("FAILED", error=failure.error, cause=failure.cause), stages.texts() | more
    return Outcome("SUCCEEDED", output), stages.texts() | more


def _walk(state: Mapping[str, Any], stages: Stages, more: dict[str, Any], request: Mapping[str, Any]) -> Json:
    mock, configuration = request["mock"], request.get("stateConfiguration", {})
    selected = stages.select()
    if state["Type"] == "Map":
        _look_at_items(state, stages, selected)
        more["maxConcurrency"] = state.get("MaxConcurrency", 0)
        for name in ("toleratedFailureCount", "toleratedFailurePercentage"):
            field = name[0].upper() + name[1:]
            if field in state:
                more[name] = state[field]
    else:
        stages.fill_parameters(selected)
    if "errorOutput" in mock:
        raise StatesError(mock["errorOutput"].get("error"), mock["errorOutput"].get("cause"))
    failures = configuration.get("mapIterationFailureCount", 0)
    if "toleratedFailureCount" in more and failures > more["toleratedFailureCount"]:
        raise StatesError(*_THRESHOLD)
    result = _result(mock)
    return stages.end_with(stages.see("result", result) if state["Type"] == "Task" else result)


def _look_at_items(state: Mapping[str, Any], stages: Stages, selected: Json) -> None:
    if "ItemReader" in state:
        return
    path = state.get("ItemsPath", "$")
    if not isinstance(stages.items(selected, path), list):
        stages.forget("afterItemsPath")
        shown = path.removeprefix("$") if path.startswith("$$") else path
        raise StatesError("States.Runtime", f'Reference path "{shown}" must point to array.')


def _result(mock: Mapping[str, Any]) -> Json:
    try:
        return json_of(mock.get("result", "null"))
    except NoJsonError as problem:
        raise _refusal("Mocked result must be valid JSON") from problem


def _check_result(state: Mapping[str, Any], result: Json, mode: str) -> None:
    if state["Type"] == "Map" and "ResultWriter" in state:
        if not isinstance(result, dict):
            raise _refusal("Mocked result must be a JSON object.")
    elif state["Type"] in _NEEDING_A_MOCK:
        if not isinstance(result, list):
            raise _refusal("Mocked result must be an array.")
        if state["Type"] == "Parallel" and len(result) != len(state["Branches"]):
            raise _refusal("Mocked result must contain the same number of items as number of Parallel branches.")
    elif mode != "NONE":
        try:
            check_answer(Resource.parse(state["Resource"]), result, complete=mode == "STRICT")
        except UnfitAnswerError as problem:
            raise _refusal(f"Mock result schema validation error: {problem}") from problem


def _refusal(message: str) -> ApiError:
    return ApiError("ValidationException", message)


def _bad_context(message: str) -> ApiError:
    return _refusal(f"Invalid Context object provided: {message}")

"""TestState: one state, run by itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from infra.local.step_functions.actions import mocks
from infra.local.step_functions.actions.caller import Caller
from infra.local.step_functions.actions.stages import Stages
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.integrations.resource import Resource
from infra.local.step_functions.records import now
from infra.local.step_functions.texts import NoJsonError, json_of
from workflows.interpreter import (
    Execution,
    Interpreter,
    InvalidDefinition,
    Journal,
    Json,
    Outcome,
    RealClock,
    StatesError,
    TaskCall,
    Tasks,
    data_flow,
    load,
)
from workflows.interpreter.payload import text_of, time_text
from workflows.interpreter.recovery import Retriers, matches

_DEFAULT_NAME = "StateName"  # what the context object of AWS shows for a state that is given without a name


@dataclass(slots=True)
class _Observed(Tasks):
    """Hands work on, and remembers what went by."""

    inner: Tasks
    calls: list[TaskCall] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)

    async def run(self, call: TaskCall) -> Json:
        self.calls.append(call)
        result = await self.inner.run(call)
        self.results.append(result)
        return result


class StateTests:
    """Runs single states for TestState."""

    def __init__(self, tasks: Tasks, engine: Engine) -> None:
        self._tasks = tasks
        self._engine = engine

    async def test(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer TestState."""
        name, state = _state(request)
        machine = _machine(name, state)
        mocks.check_request(state, request)
        if state["Type"] == "Task" and not request.get("roleArn") and "mock" not in request:
            raise ApiError("ValidationException", "RoleArn must be specified when testing a Task state")
        given = _json(request.get("input", "{}"), "input")
        execution = _execution(request, given, caller)
        if "mock" in request:
            context = _mocked_context(request, name, state, execution)
            outcome, inspection = mocks.run(state, given, context, request)
            following = state.get("Next") if outcome.status == "SUCCEEDED" else None
        else:
            observed = _Observed(self._tasks)
            journal = Journal(execution.arn)
            interpreter = Interpreter(machine, observed, RealClock(), journal)
            outcome = await asyncio.wrap_future(self._engine.submit(interpreter.run(execution)))
            inspection = _inspection(name, state, given, observed, execution)
            following = _following(name, journal)
        answer, details = _answer(request, state, given, outcome, following)
        if request.get("inspectionLevel", "INFO") != "INFO":
            answer["inspectionData"] = inspection | details
        return answer


def _execution(request: Mapping[str, Any], given: Json, caller: Caller) -> Execution:
    unique = str(uuid.uuid4())
    return Execution(
        arn=caller.arn("express", f"{unique}:{uuid.uuid4()}"),
        name=unique,
        input=given,
        start_time=now(),
        role_arn=request.get("roleArn", ""),
        state_machine_arn=caller.arn("stateMachine", unique),
        state_machine_name=unique,
    )


def _state(request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Find the state: the definition itself, or the one that `stateName` picks from a whole state machine."""
    definition = _json(request["definition"], "definition")
    name = request.get("stateName")
    if isinstance(definition, dict) and "States" in definition:
        if name is None:
            raise ApiError("ValidationException", "stateName must be specified when testing a state machine.")
        found = _find(definition, name)
        if found is None:
            raise ApiError("ValidationException", "State not found in definition")
        return name, found
    if not isinstance(definition, dict):
        raise ApiError("InvalidDefinition", "Invalid State Machine Definition: 'Definition must be a JSON object'")
    return name or _DEFAULT_NAME, definition


def _find(machine: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    for key, state in machine.get("States", {}).items():
        if key == name:
            return dict(state)
        inner = [*state.get("Branches", ()), state.get("ItemProcessor", {}), state.get("Iterator", {})]
        for found in (_find(one, name) for one in inner):
            if found is not None:
                return found
    return None


def _targets(state: Mapping[str, Any]) -> list[str]:
    named = [state.get("Next"), state.get("Default")]
    named += [rule.get("Next") for rule in (*state.get("Choices", ()), *state.get("Catch", ()))]
    return [target for target in named if isinstance(target, str)]


def _machine(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Make a machine of the state, whose every way out ends at once; Retry and Catch are judged afterwards."""
    ends = {target: {"Type": "Succeed"} for target in _targets(state)}
    try:
        load(text_of({"StartAt": name, "States": {**ends, name: state}}))
    except InvalidDefinition as problem:
        raise ApiError("InvalidDefinition", str(problem)) from problem
    alone = {key: value for key, value in state.items() if key not in ("Retry", "Catch")}
    return {"StartAt": name, "States": {**ends, name: alone}}


def _following(name: str, journal: Journal) -> str | None:
    entered = [event.details["name"] for event in journal if event.type.endswith("StateEntered") and event.details]
    return None if len(entered) < 2 or entered[-1] == name else entered[-1]


def _answer(
    request: Mapping[str, Any], state: Mapping[str, Any], given: Json, outcome: Outcome, following: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the answer, and what the inspection tells of an error."""
    if outcome.status == "SUCCEEDED":
        answer = {"status": "SUCCEEDED", "output": text_of(outcome.output)}
        return (answer if following is None else {**answer, "nextState": following}), {}
    failure = StatesError(outcome.error, outcome.cause)
    told = {key: value for key, value in (("error", failure.error), ("cause", failure.cause)) if value is not None}
    retried = request.get("stateConfiguration", {}).get("retrierRetryCount", 0)
    retriers = Retriers(state.get("Retry", ()), Random(0))  # noqa: S311 - jitter, no secret
    delay = None
    for _ in range(retried + 1):
        delay = retriers.delay(failure)
    retrier = _first_match(state.get("Retry", ()), failure)
    if delay is not None:
        details = {"retryIndex": retrier, "retryBackoffIntervalSeconds": int(delay)}
        return {"status": "RETRIABLE", **told}, {"errorDetails": details}
    catching = _first_match(state.get("Catch", ()), failure)
    if catching is not None:
        catcher = state["Catch"][catching]
        report = {"Error": failure.error, "Cause": failure.cause or ""}
        output = data_flow.combine(catcher.get("ResultPath", "$"), given, report)
        answer = {"status": "CAUGHT_ERROR", **told, "nextState": catcher["Next"], "output": text_of(output)}
        return answer, {"errorDetails": {"catchIndex": catching}}
    return {"status": "FAILED", **told}, {} if retrier is None else {"errorDetails": {"retryIndex": retrier}}


def _first_match(rules: Sequence[Mapping[str, Any]], failure: StatesError) -> int | None:
    return next((index for index, rule in enumerate(rules) if matches(rule["ErrorEquals"], failure)), None)


def _inspection(
    name: str, state: Mapping[str, Any], given: Json, observed: _Observed, execution: Execution
) -> dict[str, Any]:
    """Tell what the data looked like between the steps, as far as they were reached."""
    kind = state["Type"]
    context = observed.calls[0].context if observed.calls else _context(name, execution)
    stages = Stages(state, given, context)
    try:
        if kind == "Pass" and "Result" in state:
            result = stages.see("result", state["Result"])
        else:
            selected = stages.select()
            if kind not in ("Pass", "Task"):
                return stages.texts()
            result = stages.fill_parameters(selected)
            if kind == "Task":
                if not observed.results:
                    return stages.texts()
                result = stages.see("result", observed.results[0])
        stages.end_with(result)
    except StatesError:
        pass  # the answer tells what failed; the stages before it are known
    return stages.texts()


def _mocked_context(
    request: Mapping[str, Any], name: str, state: Mapping[str, Any], execution: Execution
) -> dict[str, Json]:
    if "context" in request:
        return mocks.context_of(state, request["context"])
    context = _context(name, execution)
    context["State"]["RetryCount"] = 0
    if Resource.parse(state.get("Resource", "")).pattern in mocks.PATTERNS_WITH_A_TASK:
        context["Task"] = {"Token": uuid.uuid4().hex}
    return context


def _context(name: str, execution: Execution) -> dict[str, Json]:
    return {
        "Execution": {
            "Id": execution.arn,
            "Input": execution.input,
            "Name": execution.name,
            "RoleArn": execution.role_arn,
            "StartTime": time_text(execution.start_time),
        },
        "StateMachine": {"Id": execution.state_machine_arn, "Name": execution.state_machine_name},
        "State": {"Name": name, "EnteredTime": time_text(execution.start_time)},
    }


def _json(text: str, member: str) -> Any:
    try:
        return json_of(text)
    except NoJsonError as problem:
        if member == "definition":
            message = f"Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {problem}'"
            raise ApiError("InvalidDefinition", message) from problem
        message = f"Invalid State Machine Execution Input: '{problem}'"
        raise ApiError("InvalidExecutionInput", message) from problem

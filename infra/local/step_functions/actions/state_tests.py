"""TestState: one state, run by itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from infra.local.step_functions.arns import Arn
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.records import now
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
    paths,
    templates,
)
from workflows.interpreter.json_text import JsonError, parse
from workflows.interpreter.payload import text_of, time_text
from workflows.interpreter.recovery import Retriers, matches

_DEFAULT_NAME = "StateName"  # what the context object of AWS shows for a state that is given without a name
_NEEDING_A_ROLE = ("Task", "Map", "Parallel")


@dataclass(slots=True)
class _Observed(Tasks):
    """Hands work on, or answers with the mock, and remembers what went by."""

    inner: Tasks
    mock: Mapping[str, Any] | None
    calls: list[TaskCall] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)

    async def run(self, call: TaskCall) -> Json:
        self.calls.append(call)
        if self.mock is None:
            result = await self.inner.run(call)
        elif "errorOutput" in self.mock:
            failure = self.mock["errorOutput"]
            raise StatesError(failure.get("error"), failure.get("cause"))
        else:
            result = _json(self.mock.get("result", "null"), "mock.result")
        self.results.append(result)
        return result


class StateTests:
    """Runs single states for TestState."""

    def __init__(self, tasks: Tasks, engine: Engine) -> None:
        self._tasks = tasks
        self._engine = engine

    async def test(self, request: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """Answer TestState."""
        name, state = _state(request)
        mock = request.get("mock")
        if state.get("Type") in _NEEDING_A_ROLE and not request.get("roleArn") and mock is None:
            raise ApiError("ValidationException", f"RoleArn must be specified when testing a {state['Type']} state")
        given = _json(request.get("input", "{}"), "input")
        machine = _machine(name, state)
        unique = str(uuid.uuid4())
        execution = Execution(
            arn=str(Arn(region, account, "express", f"{unique}:{uuid.uuid4()}")),
            name=unique,
            input=given,
            start_time=now(),
            role_arn=request.get("roleArn", ""),
            state_machine_arn=str(Arn(region, account, "stateMachine", unique)),
            state_machine_name=unique,
        )
        observed = _Observed(self._tasks, mock)
        journal = Journal(execution.arn)
        interpreter = Interpreter(machine, observed, RealClock(), journal)
        outcome = await asyncio.wrap_future(self._engine.submit(interpreter.run(execution)))
        answer, details = _answer(request, name, state, given, outcome, journal)
        if request.get("inspectionLevel", "INFO") != "INFO":
            answer["inspectionData"] = _inspection(name, state, given, observed, execution) | details
        return answer


def _state(request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Find the state: the definition itself, or the one that `stateName` picks from a whole state machine."""
    definition = _json(request["definition"], "definition")
    name = request.get("stateName")
    if isinstance(definition, dict) and "States" in definition:
        if name is None:
            raise ApiError("ValidationException", "stateName must be specified when testing a state machine.")
        found = _find(definition, name)
        if found is None:
            raise ApiError("ValidationException", f"There is no state {name} in the definition.")
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


def _answer(
    request: Mapping[str, Any],
    name: str,
    state: Mapping[str, Any],
    given: Json,
    outcome: Outcome,
    journal: Journal,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the answer, and what the inspection tells of an error."""
    if outcome.status == "SUCCEEDED":
        entered = [event.details["name"] for event in journal if event.type.endswith("StateEntered") and event.details]
        answer = {"status": "SUCCEEDED", "output": text_of(outcome.output)}
        return (answer if len(entered) < 2 or entered[-1] == name else {**answer, "nextState": entered[-1]}), {}
    failure = StatesError(outcome.error, outcome.cause)
    told = {key: value for key, value in (("error", failure.error), ("cause", failure.cause)) if value is not None}
    retried = request.get("stateConfiguration", {}).get("retrierRetryCount", 0)
    retriers = Retriers(state.get("Retry", ()), Random(0))  # noqa: S311 - jitter, no secret
    delay = None
    for _ in range(retried + 1):
        delay = retriers.delay(failure)
    if delay is not None:
        index = next(i for i, one in enumerate(state["Retry"]) if matches(one["ErrorEquals"], failure))
        details = {"errorDetails": {"retryIndex": index, "retryBackoffIntervalSeconds": int(delay)}}
        return {"status": "RETRIABLE", **told}, details
    for index, catcher in enumerate(state.get("Catch", ())):
        if matches(catcher["ErrorEquals"], failure):
            report = {"Error": failure.error, "Cause": failure.cause or ""}
            output = data_flow.combine(catcher.get("ResultPath", "$"), given, report)
            answer = {"status": "CAUGHT_ERROR", **told, "nextState": catcher["Next"], "output": text_of(output)}
            return answer, {"errorDetails": {"catchIndex": index}}
    return {"status": "FAILED", **told}, {}


def _inspection(
    name: str, state: Mapping[str, Any], given: Json, observed: _Observed, execution: Execution
) -> dict[str, Any]:
    """Tell what the data looked like between the steps, as far as they were reached."""
    stages: dict[str, Json] = {"input": given}
    kind = state.get("Type")
    context = observed.calls[0].context if observed.calls else _context(name, execution)
    try:
        if kind == "Pass" and "Result" in state:
            stages["result"] = result = state["Result"]
        elif kind in ("Map", "Parallel"):
            return _texts(stages) | {key: state[field] for key, field in _MAP_LIMITS.items() if field in state}
        else:
            stages["afterInputPath"] = selected = _selected(state, given, context)
            if kind not in ("Pass", "Task"):
                return _texts(stages)
            if "Parameters" in state:
                selected = templates.fill(state["Parameters"], selected, context, field="Parameters")
            stages["afterParameters"] = result = selected
            if kind == "Task":
                if not observed.results:
                    return _texts(stages)
                stages["result"] = result = observed.results[0]
        if "ResultSelector" in state:
            result = templates.fill(state["ResultSelector"], result, context, field="ResultSelector")
        stages["afterResultSelector"] = result
        stages["afterResultPath"] = data_flow.combine(state.get("ResultPath", "$"), given, result)
    except StatesError:
        pass  # the answer tells what failed; the stages before it are known
    return _texts(stages)


_MAP_LIMITS = {
    "maxConcurrency": "MaxConcurrency",
    "toleratedFailureCount": "ToleratedFailureCount",
    "toleratedFailurePercentage": "ToleratedFailurePercentage",
}


def _selected(state: Mapping[str, Any], given: Json, context: Json) -> Json:
    path = state.get("InputPath", "$")
    return {} if path is None else paths.read(path, given, context, field="InputPath")


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


def _texts(stages: Mapping[str, Json]) -> dict[str, Any]:
    return {stage: text_of(value) for stage, value in stages.items()}


def _json(text: str, member: str) -> Any:
    try:
        return parse(text)
    except JsonError as problem:
        if member == "definition":
            message = f"Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {problem.message}'"
            raise ApiError("InvalidDefinition", message) from problem
        if member == "input":
            message = f"Invalid State Machine Execution Input: '{problem.message}'"
            raise ApiError("InvalidExecutionInput", message) from problem
        raise ApiError("ValidationException", f"{member} must be valid JSON: {problem.message}") from problem

"""The form of a state machine, a branch and each type of state: fields, types, ranges.

Which type takes which field, and the ranges of numbers, are what ValidateStateMachineDefinition answers; the
fields themselves are those of the Amazon States Language specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import choice_schema, expressions, integrations, map_schema, recovery_schema, timestamps
from workflows.interpreter.findings import Findings

LONGEST = 99_999_999
MAX_NAME = 80
_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_FLOW = frozenset({"InputPath", "OutputPath", "Output", "Assign", "Next", "End"})
_CALLS = frozenset({"ResultPath", "Parameters", "ResultSelector", "Retry", "Catch"})
_MACHINE = ("Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version")
_WAITS = ("SecondsPath", "Seconds", "TimestampPath", "Timestamp")

FIELDS: dict[str, frozenset[str]] = {
    "Task": _COMMON
    | _FLOW
    | _CALLS
    | {
        "Arguments",
        "Credentials",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Resource",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
    },
    "Wait": _COMMON | _FLOW | set(_WAITS),
    "Pass": _COMMON | _FLOW | {"Parameters", "Result", "ResultPath"},
    "Succeed": _COMMON | {"InputPath", "OutputPath", "Output"},
    "Fail": _COMMON | {"Error", "Cause", "ErrorPath", "CausePath"},
    "Choice": _COMMON | {"InputPath", "OutputPath", "Output", "Assign", "Choices", "Default"},
    "Parallel": _COMMON | _FLOW | _CALLS | {"Arguments", "Branches"},
    "Map": _COMMON | _FLOW | _CALLS | map_schema.FIELDS,
}
_REQUIRED = {"Task": ("Resource",), "Choice": ("Choices",), "Parallel": ("Branches",)}
_EXCLUSIVE = {
    "Task": (("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")),
    "Fail": (("Error", "ErrorPath"), ("Cause", "CausePath")),
}
# Fields that exist in one query language only; the value is the language.
_JSONATA_ONLY = ("Arguments", "Output", "Items")


def check_machine(findings: Findings, machine: Mapping[str, Any], machine_type: str) -> None:
    """Report what is wrong with the form of a whole definition."""
    findings.known(machine, _MACHINE, "/")
    findings.required(machine, ("States", "StartAt"), "/")
    if "TimeoutSeconds" in machine:
        findings.within(machine["TimeoutSeconds"], "/TimeoutSeconds", least=0, most=LONGEST)
    if "Version" in machine:
        findings.one_of(machine["Version"], ("1.0",), "/Version")
    jsonata = _language(findings, machine, "/QueryLanguage") == "JSONata"
    _check_states(findings, machine, "", express=machine_type == "EXPRESS", jsonata=jsonata)


def _check_workflow(findings: Findings, workflow: Any, location: str, *, extra: frozenset[str], express: bool) -> None:
    """Report what is wrong with a branch, or with the processor of a Map."""
    if not findings.of_type(workflow, "[OBJECT]", location):
        return
    findings.known(workflow, {"Comment", "StartAt", "States"} | extra, location)
    findings.required(workflow, ("States", "StartAt"), location)
    _check_states(findings, workflow, location, express=express, jsonata=False)


def _check_states(
    findings: Findings, workflow: Mapping[str, Any], prefix: str, *, express: bool, jsonata: bool
) -> None:
    if "StartAt" in workflow:
        findings.of_type(workflow["StartAt"], "[STRING]", f"{prefix}/StartAt")
    if "States" not in workflow or not findings.of_type(workflow["States"], "[OBJECT]", f"{prefix}/States"):
        return
    for name, state in workflow["States"].items():
        location = f"{prefix}/States/{name}"
        if not 0 < len(name) <= MAX_NAME:
            problem = f"exceeds the {MAX_NAME}-character limit allowed by the service" if name else "is empty"
            findings.add(f"State name '{name}' {problem}", location, "INVALID_STATE_NAME")
        if findings.of_type(state, "[OBJECT]", location):
            _check_state(findings, state, location, express=express, jsonata=jsonata)


def _check_state(findings: Findings, state: Mapping[str, Any], location: str, *, express: bool, jsonata: bool) -> None:
    kind = state.get("Type")
    if "Type" not in state:
        findings.required(state, ("Type",), location)
        return
    if not isinstance(kind, str) or kind not in FIELDS:
        kinds = "Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map"
        findings.add(f"The field 'Type' should have one of these values: [{kinds}]", f"{location}/Type")
        return
    findings.known(state, FIELDS[kind], location)
    findings.required(state, _REQUIRED.get(kind, ()), location)
    if jsonata and state.get("QueryLanguage") == "JSONPath":
        message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
        findings.add(message, location)
    if jsonata or _language(findings, state, f"{location}/QueryLanguage") == "JSONata":
        return
    for name in _JSONATA_ONLY:
        if name in state and name in FIELDS[kind]:
            message = (
                f"The QueryLanguage is set to 'JSONPath', but field '{name}' is only supported for the 'JSONata' "
                "QueryLanguage"
            )
            findings.add(message, location)
    if "Assign" in state and "Assign" in FIELDS[kind]:
        findings.add("Field 'Assign' is not supported: this interpreter has no variables yet", location)
    for pair in _EXCLUSIVE.get(kind, ()):
        findings.at_most_one(state, pair, location)
    _check_flow(findings, state, kind, location)
    if kind == "Task":
        _check_task(findings, state, location, express=express)
    elif kind == "Wait":
        _check_wait(findings, state, location)
    elif kind == "Fail":
        _check_fail(findings, state, location)
    elif kind == "Choice":
        choice_schema.check(findings, state, location)
    elif kind == "Parallel":
        _check_parallel(findings, state, location, express=express)
    elif kind == "Map":
        _check_map(findings, state, location, express=express)


def _language(findings: Findings, holder: Mapping[str, Any], location: str) -> str:
    """Query language of a machine or state; anything but exactly "JSONPath" counts as JSONata."""
    if "QueryLanguage" not in holder:
        return "JSONPath"
    language = holder["QueryLanguage"]
    if findings.one_of(language, ("JSONPath", "JSONata"), location) and language == "JSONata":
        findings.add("QueryLanguage 'JSONata' is not supported: this interpreter has no JSONata yet", location)
    return "JSONPath" if language == "JSONPath" else "JSONata"


def _check_flow(findings: Findings, state: Mapping[str, Any], kind: str, location: str) -> None:
    """Report what is wrong with the fields that several types share."""
    for name in ("InputPath", "OutputPath"):
        if state.get(name) is not None and name in FIELDS[kind]:
            expressions.json_path(findings, state[name], f"{location}/{name}")
    if state.get("ResultPath") is not None and "ResultPath" in FIELDS[kind]:
        expressions.reference_path(findings, state["ResultPath"], f"{location}/ResultPath")
    for name in ("Parameters", "ResultSelector"):
        if name in state and name in FIELDS[kind]:
            expressions.template(findings, state[name], f"{location}/{name}")
    if "End" in FIELDS[kind]:
        _check_exit(findings, state, location)
    if "Retry" in FIELDS[kind]:
        recovery_schema.check(findings, state, location)


def _check_exit(findings: Findings, state: Mapping[str, Any], location: str) -> None:
    if "Next" in state:
        findings.of_type(state["Next"], "[STRING]", f"{location}/Next")
    if "End" in state:
        findings.of_type(state["End"], "[BOOLEAN]", f"{location}/End")
    leaving = {name: state[name] for name in ("Next", "End") if state.get(name, False) is not False}
    findings.exactly_one(leaving, ("Next", "End"), location)


def _check_wait(findings: Findings, state: Mapping[str, Any], location: str) -> None:
    findings.exactly_one(state, _WAITS, location)
    if "Seconds" in state:
        findings.within(state["Seconds"], f"{location}/Seconds", least=0, most=LONGEST)
    if "Timestamp" in state and timestamps.parse(state["Timestamp"]) is None:
        findings.add("String does not match RFC3339 timestamp", f"{location}/Timestamp")
    for name in ("SecondsPath", "TimestampPath"):
        if name in state:
            expressions.reference_path(findings, state[name], f"{location}/{name}", of_context=True)


def _check_fail(findings: Findings, state: Mapping[str, Any], location: str) -> None:
    for name in ("Error", "Cause"):
        if name in state:
            findings.of_type(state[name], "[STRING]", f"{location}/{name}")
    for name in ("ErrorPath", "CausePath"):
        if name in state:
            expressions.string_expression(findings, state[name], f"{location}/{name}")


def _check_task(findings: Findings, state: Mapping[str, Any], location: str, *, express: bool) -> None:
    for name in ("TimeoutSeconds", "HeartbeatSeconds"):
        if name in state:
            findings.within(state[name], f"{location}/{name}", least=1, most=LONGEST)
        if f"{name}Path" in state:
            expressions.reference_path(findings, state[f"{name}Path"], f"{location}/{name}Path", of_context=True)
    if "Credentials" in state and findings.of_type(state["Credentials"], "[OBJECT]", f"{location}/Credentials"):
        expressions.template(findings, state["Credentials"], f"{location}/Credentials")
        _check_parameter(findings, state["Credentials"], "RoleArn", f"{location}/Credentials")
    if "Resource" in state and findings.of_type(state["Resource"], "[STRING]", f"{location}/Resource"):
        _check_resource(findings, state, location, express=express)


def _check_resource(findings: Findings, state: Mapping[str, Any], location: str, *, express: bool) -> None:
    resource: str = state["Resource"]
    place = f"{location}/Resource"
    if not integrations.is_arn(resource):
        findings.add("Value is not a valid resource ARN", place)
        return
    if express and integrations.is_activity(resource):
        findings.add("Express state machine does not support Activity ARN", place)
    parts = integrations.integration(resource)
    if parts is None:
        return
    service, action, pattern = parts
    if not integrations.is_known(service, action, pattern):
        message = (
            f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the "
            "resource is not available in this region."
        )
        findings.add(message, place)
        return
    if express and pattern:
        # Step Functions' message about task tokens ends with a blank, that about jobs does not.
        ending = " " if pattern == ".waitForTaskToken" else ""
        findings.add(f"Express state machine does not support '{pattern}' service integration{ending}", place)
    if "Parameters" not in state:
        findings.add(f"Parameters field is required for resource ARN: {resource}", location)
        return
    for name in integrations.REQUIRED_PARAMETERS.get((service, action), ()):
        _check_parameter(findings, state["Parameters"], name, f"{location}/Parameters")


def _check_parameter(findings: Findings, given: Any, name: str, location: str) -> None:
    if isinstance(given, dict) and name not in given and f"{name}.$" not in given:
        findings.add(f"The field '{name}' is required but was missing", location)


def _check_parallel(findings: Findings, state: Mapping[str, Any], location: str, *, express: bool) -> None:
    if not findings.has(state, "Branches", "[ARRAY]", location):
        return
    branches = state["Branches"]
    if not branches:
        findings.add("Value cannot be empty", f"{location}/Branches")
    for index, branch in enumerate(branches):
        _check_workflow(findings, branch, f"{location}/Branches[{index}]", extra=frozenset(), express=express)


def _check_map(findings: Findings, state: Mapping[str, Any], location: str, *, express: bool) -> None:
    express_children = map_schema.check(findings, state, location, express=express)
    for name in ("ItemProcessor", "Iterator"):
        if name in state:
            inner = express or express_children
            extra = frozenset({"ProcessorConfig"})
            _check_workflow(findings, state[name], f"{location}/{name}", extra=extra, express=inner)

"""Definitions, checked with what the interpreter cannot know: which actions and parameters AWS's APIs have.

Source: Step Functions developer guide, "Learning to use AWS service SDK integrations" (unknown services, actions and
parameters are refused when the state machine is created).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.service_model import service
from infra.local.step_functions.integrations import names
from infra.local.step_functions.integrations.resource import Resource
from workflows.interpreter import definition
from workflows.interpreter.findings import Findings
from workflows.interpreter.json_text import parse


def diagnostics(text: str, *, machine_type: str = "STANDARD") -> list[definition.Diagnostic]:
    """List every error in a definition; see `workflows.interpreter.definition.diagnostics`."""
    findings = Findings()
    try:
        found = definition.diagnostics(text, machine_type=machine_type)
    except ValueError:  # Python reads no integer of thousands of digits
        findings.add("Numeric value out of range", None, "INVALID_JSON_DESCRIPTION")
        return findings.diagnostics
    if found:
        return found
    for location, state in _tasks(parse(text), ""):
        _check_action(findings, location, state)
    return findings.diagnostics


def _tasks(machine: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in machine["States"].items():
        location = f"{prefix}/States/{name}"
        if state["Type"] == "Task":
            yield location, state
        for index, branch in enumerate(state.get("Branches", ())):
            yield from _tasks(branch, f"{location}/Branches[{index}]")
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from _tasks(state[field], f"{location}/{field}")


def _check_action(findings: Findings, location: str, state: Mapping[str, Any]) -> None:
    resource = Resource.parse(state["Resource"])
    if resource.kind != "aws-sdk":
        return
    known = _parameters(resource.service, resource.operation)
    if known is None:
        message = (
            f"The resource provided {resource.arn} is not recognized. The value is not a valid resource ARN, or the "
            "resource is not available in this region."
        )
        findings.add(message, f"{location}/Resource")
        return
    parameters = state.get("Parameters")
    for name in parameters if isinstance(parameters, Mapping) else ():
        if name.removesuffix(".$") not in known:
            message = f"The field '{name.removesuffix('.$')}' is not supported by Step Functions"
            findings.add(message, f"{location}/Parameters")


@functools.lru_cache(maxsize=512)
def _parameters(sdk_service: str, operation: str) -> frozenset[str] | None:
    """Names of the parameters of an action in an AWS SDK integration; ``None`` if there is no such action."""
    name = names.botocore_service(sdk_service)
    if name is None:
        return None
    model = service(name)
    if operation not in model.operation_names:
        return None
    shape = model.operation_model(operation).input_shape
    return frozenset(names.member(name) for name in shape.members) if shape else frozenset()

"""Checks across states: names, labels, and where each state leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.interpreter.findings import Findings

MISSING_TARGET = "MISSING_TRANSITION_TARGET"


def check(findings: Findings, machine: Mapping[str, Any]) -> None:
    """Report what is wrong with the transitions of a well-formed definition, at all depths."""
    _check_names(findings, machine)
    ends = any(state["Type"] in {"Succeed", "Fail"} or state.get("End") is True for state in machine["States"].values())
    # Nested workflows may loop for ever; of the outermost one Step Functions wants an end, and if that is
    # missing it does not look for unreachable states in it.
    _check_targets(findings, machine, "", look_for_unreachable=ends)
    if not ends:
        findings.add("Workflow has no terminal state", None, "MISSING_END_STATE")


def _check_targets(
    findings: Findings, workflow: Mapping[str, Any], prefix: str, *, look_for_unreachable: bool = True
) -> None:
    states = workflow["States"]
    reached = {workflow["StartAt"]}
    targets = [(workflow["StartAt"], f"{prefix}/StartAt")]
    for name, state in states.items():
        for target, place in _targets(state):
            targets.append((target, f"{prefix}/States/{name}{place}"))
            if target != name:
                reached.add(target)
    for target, location in targets:
        if target not in states:
            findings.add(f"Missing 'Next' target: {target}", location, MISSING_TARGET)
    if look_for_unreachable:
        for name in states:
            if name not in reached:
                message = f'State "{name}" is not reachable.'
                findings.add(message, f"{prefix}/States/{name}", MISSING_TARGET)
    for name, state in states.items():
        for inner, place in nested(state):
            _check_targets(findings, inner, f"{prefix}/States/{name}{place}")


def _targets(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "Next" in state:
        yield state["Next"], "/Next"
    for field in ("Choices", "Catch"):
        for index, rule in enumerate(state.get(field, [])):
            yield rule["Next"], f"/{field}[{index}]/Next"
    if "Default" in state:
        yield state["Default"], "/Default"


def nested(state: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Workflows inside a state, with their places below it."""
    for index, branch in enumerate(state.get("Branches", [])):
        yield branch, f"/Branches[{index}]"
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield state[field], f"/{field}"


def _check_names(findings: Findings, machine: Mapping[str, Any]) -> None:
    """Report names and labels that occur twice: they are unique in the whole machine."""
    names: set[str] = set()
    labels: set[str] = set()
    for name, state, location in _walk(machine, ""):
        if name in names:
            findings.add(f"Duplicate State name: {name}", location, "DUPLICATE_STATE_NAME")
        names.add(name)
        label = state.get("Label")
        if label in labels:
            findings.add(f"Duplicate Label name: {label}", f"{location}/Label", "DUPLICATE_LABEL_NAME")
        if label is not None:
            labels.add(label)


def _walk(workflow: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for name, state in workflow["States"].items():
        location = f"{prefix}/States/{name}"
        yield name, state, location
        for inner, place in nested(state):
            yield from _walk(inner, location + place)

"""The form of Retry and Catch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import expressions
from workflows.interpreter.findings import Findings

_RETRIER = (
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
)
_CATCHER = ("ErrorEquals", "Next", "ResultPath", "Comment")
MAX_COUNT = 99_999_999
MAX_DELAY = 31_622_400


def check(findings: Findings, state: Mapping[str, Any], location: str) -> None:
    """Report what is wrong with the retriers and catchers of a state."""
    for field in ("Retry", "Catch"):
        if not findings.has(state, field, "[ARRAY]", location):
            continue
        rules = state[field]
        for index, rule in enumerate(rules):
            place = f"{location}/{field}[{index}]"
            if not findings.of_type(rule, "[OBJECT]", place):
                continue
            _check_errors(findings, rule, place, last=index == len(rules) - 1)
            if field == "Retry":
                _check_retrier(findings, rule, place)
            else:
                _check_catcher(findings, rule, place)


def _check_errors(findings: Findings, rule: Mapping[str, Any], location: str, *, last: bool) -> None:
    findings.required(rule, ("ErrorEquals",), location)
    if not findings.has(rule, "ErrorEquals", "[ARRAY]", location):
        return
    errors, place = rule["ErrorEquals"], f"{location}/ErrorEquals"
    if not errors:
        findings.add("Value cannot be empty", place)
    for index, error in enumerate(errors):
        findings.of_type(error, "[STRING]", f"{place}[{index}]")
    if "States.ALL" in errors and (len(errors) > 1 or not last):
        findings.add("States.ALL must appear alone and at end of list", place)


def _check_retrier(findings: Findings, rule: Mapping[str, Any], location: str) -> None:
    findings.known(rule, _RETRIER, location)
    whole: dict[str, tuple[int, int]] = {
        "IntervalSeconds": (0, MAX_COUNT),
        "MaxAttempts": (0, MAX_COUNT),
        "MaxDelaySeconds": (1, MAX_DELAY),
    }
    for name, (least, most) in whole.items():
        if name in rule:
            findings.within(rule[name], f"{location}/{name}", least=least, most=most)
    if "BackoffRate" in rule:
        findings.within(rule["BackoffRate"], f"{location}/BackoffRate", least=1.0, most=None, integer=False)
    if "JitterStrategy" in rule:
        findings.one_of(rule["JitterStrategy"], ("NONE", "FULL"), f"{location}/JitterStrategy")


def _check_catcher(findings: Findings, rule: Mapping[str, Any], location: str) -> None:
    if "Assign" in rule:
        findings.add("Field 'Assign' is not supported: this interpreter has no variables yet", location)
    findings.known({name: rule[name] for name in rule if name != "Assign"}, _CATCHER, location)
    findings.required(rule, ("Next",), location)
    if "Next" in rule:
        findings.of_type(rule["Next"], "[STRING]", f"{location}/Next")
    if rule.get("ResultPath") is not None:
        expressions.reference_path(findings, rule["ResultPath"], f"{location}/ResultPath")

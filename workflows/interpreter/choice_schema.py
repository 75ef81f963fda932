"""The form of a Choice state's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import expressions, timestamps
from workflows.interpreter.choice import OPERATORS
from workflows.interpreter.findings import Findings

_SELECTORS = ("And", "Or", "Not", "Variable", "Condition")
_NESTED = frozenset({"And", "Or", "Not"})


def check(findings: Findings, state: Mapping[str, Any], location: str) -> None:
    """Report what is wrong with `Choices` and `Default`."""
    if "Default" in state:
        findings.of_type(state["Default"], "[STRING]", f"{location}/Default")
    if not findings.has(state, "Choices", "[ARRAY]", location):
        return
    rules = state["Choices"]
    if not rules:
        findings.add("Value cannot be empty", f"{location}/Choices")
    for index, rule in enumerate(rules):
        _check_rule(findings, rule, f"{location}/Choices[{index}]", top=True)


def _check_rule(findings: Findings, rule: Any, location: str, *, top: bool) -> None:
    if not findings.of_type(rule, "[OBJECT]", location):
        return
    if top:
        findings.required(rule, ("Next",), location)
        if "Next" in rule:
            findings.of_type(rule["Next"], "[STRING]", f"{location}/Next")
        if "Assign" in rule:
            findings.add("Field 'Assign' is not supported: this interpreter has no variables yet", location)
    selectors = [name for name in _SELECTORS if name in rule]
    if len(selectors) != 1:
        message = f"The object must have only one of the following fields, [{', '.join(_SELECTORS)}]"
        findings.add(message, location)
        return
    selector = selectors[0]
    own = {"Next", "Assign"} if top else set[str]()
    operators = OPERATORS.keys() if selector == "Variable" else set[str]()
    findings.known(rule, {selector, "Comment"} | own | operators, location)
    if selector == "Condition":
        message = (
            "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata' "
            "QueryLanguage"
        )
        findings.add(message, location)
    elif selector == "Variable":
        expressions.variable(findings, rule["Variable"], f"{location}/Variable")
        _check_comparison(findings, rule, location)
    elif selector == "Not":
        _check_rule(findings, rule["Not"], f"{location}/Not", top=False)
    elif findings.of_type(rule[selector], "[ARRAY]", f"{location}/{selector}"):
        if not rule[selector]:
            findings.add("Value cannot be empty", f"{location}/{selector}")
        for index, part in enumerate(rule[selector]):
            _check_rule(findings, part, f"{location}/{selector}[{index}]", top=False)


def _check_comparison(findings: Findings, rule: Mapping[str, Any], location: str) -> None:
    operators = [name for name in rule if name in OPERATORS]
    if len(operators) != 1:
        message = f"There should only be one of the following fields: [{', '.join(OPERATORS)}]"
        findings.add(message, location)
        return
    operator = operators[0]
    operand, place = rule[operator], f"{location}/{operator}"
    if operator.endswith("Path"):
        expressions.variable(findings, operand, place)
    elif operator.startswith("String"):
        findings.of_type(operand, "[STRING]", place)
    elif operator.startswith("Numeric"):
        findings.of_type(operand, "[NUMBER]", place)
    elif operator.startswith(("Is", "Boolean")):
        findings.of_type(operand, "[BOOLEAN]", place)
    elif timestamps.parse(operand) is None:
        findings.add("String does not match RFC3339 timestamp", place)

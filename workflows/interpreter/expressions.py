"""Checks of the paths, intrinsic functions and payload templates that a definition holds."""

from __future__ import annotations

import re
from typing import Any

from workflows.interpreter import intrinsic_syntax, paths
from workflows.interpreter.findings import Findings
from workflows.interpreter.intrinsic_syntax import IntrinsicSyntaxError
from workflows.interpreter.paths import PathSyntaxError

_VARIABLE = re.compile(r"\$[A-Za-z_]\w*")
# Functions whose value is a string: the only ones that ErrorPath and CausePath take (developer guide, "Fail").
_OF_STRING = {"Format", "JsonToString", "ArrayGetItem", "Base64Encode", "Base64Decode", "Hash", "UUID"}


def json_path(findings: Findings, value: Any, location: str) -> None:
    """Report a value that is no path, e.g. of InputPath."""
    if findings.of_type(value, "[STRING]", location) and not _is_path(value):
        _refuse(findings, value, "Value must be a valid JSONPath.", location)


def reference_path(findings: Findings, value: Any, location: str, *, of_context: bool = False) -> None:
    """Report a value that does not name a single node; `of_context` allows "$$…"."""
    if not findings.of_type(value, "[STRING]", location):
        return
    if not value.startswith("$"):
        findings.add("Value is not a Reference Path: Reference path didn't start with '$'", location)
    elif not _is_path(value):
        _refuse(findings, value, "Value is not a Reference Path", location)
    elif not paths.is_reference(value) or (value.startswith("$$") and not of_context):
        findings.add("Value is not a Reference Path", location)


def variable(findings: Findings, value: Any, location: str) -> None:
    """Report a Choice rule's path that is none; it may hold what a reference path may not."""
    if not findings.of_type(value, "[STRING]", location):
        return
    if not value.startswith("$"):
        findings.add("Value is not a Reference Path: Reference path didn't start with '$'", location)
    elif not _is_path(value):
        _refuse(findings, value, "Value is not a Reference Path", location)


def string_expression(findings: Findings, value: Any, location: str) -> None:
    """Report an ErrorPath or CausePath that is neither a path nor a function that gives a string."""
    if not findings.of_type(value, "[STRING]", location) or _is_path(value):
        return
    call = _call(value)
    if call is None or call.name not in _OF_STRING:
        _refuse(findings, value, "Value must be a valid JSONPath.", location)


def template(findings: Findings, value: Any, location: str) -> None:
    """Report every ".$" member of a payload template that holds neither a path nor a function."""
    if isinstance(value, list):
        for item in value:
            template(findings, item, location)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if not key.endswith(".$"):
            template(findings, item, location)
        elif not isinstance(item, str) or not (_is_path(item) or _call(item)):
            message = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
            _refuse(findings, item, message, location)


def _is_path(text: str) -> bool:
    try:
        paths.check(text)
    except PathSyntaxError:
        return False
    return True


def _call(text: str) -> intrinsic_syntax.Call | None:
    try:
        return intrinsic_syntax.parse(text)
    except (IntrinsicSyntaxError, PathSyntaxError):
        return None


def _refuse(findings: Findings, value: Any, message: str, location: str) -> None:
    if isinstance(value, str) and (found := _VARIABLE.match(value)):
        message = f"The variable '{found.group()}' is not supported: this interpreter has no variables yet"
    findings.add(message, location)

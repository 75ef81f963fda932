"""Requests read along the API's model: types first, then lengths, ranges, patterns and enumerations.

The model is botocore's own ``stepfunctions`` service description, so the constraints are AWS's; the wording is that of
recorded answers.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from typing import Any

from infra.local.service_model import service
from infra.local.step_functions.errors import ApiError

# The order in which AWS lists the values (recorded answers of ListExecutions).
_STATUSES = "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"

# Shapes whose length counts bytes of UTF-8 (API reference: "Length constraints apply to the payload size").
_COUNTED_IN_BYTES = frozenset({"SensitiveData"})
_NUMBERS = {"integer": "an Integer", "long": "a Long", "float": "a Float", "double": "a Double"}
_CONTAINERS = {"structure": dict, "map": dict, "list": list}


def read(action: str, body: dict[str, Any]) -> dict[str, Any]:
    """Read the members of a request: those that the operation has, without nulls, each of its type.

    Raises
    ------
    ApiError
        ``UnknownOperationException``, ``SerializationException`` for a member of another type, or
        ``ValidationException`` that names every violation.
    """
    operations = service("stepfunctions")
    if action not in operations.operation_names:
        raise ApiError("UnknownOperationException", f"The operation {action} does not exist.")
    shape = operations.operation_model(action).input_shape
    request: dict[str, Any] = _typed(shape, body)
    problems = list(_violations(shape, request, ""))
    if problems:
        noun = "validation error" if len(problems) == 1 else "validation errors"
        raise ApiError("ValidationException", f"{len(problems)} {noun} detected: {'; '.join(problems)}")
    return request


def _typed(shape: Any, value: Any) -> Any:
    kind: str = shape.type_name
    container = _CONTAINERS.get(kind)
    if isinstance(value, dict | list) and not (container and isinstance(value, container)):
        start = "structure or map" if isinstance(value, dict) else "list"
        raise _unreadable(f"Start of {start} found where not expected.")
    if container and not isinstance(value, container):
        raise _unreadable("Expected null" if container is dict else "Expected list or null")
    if kind == "structure":
        members = shape.members.items()
        return {name: _typed(member, value[name]) for name, member in members if value.get(name) is not None}
    if kind == "list":
        return [_typed(shape.member, item) for item in value if item is not None]
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ("integer", "long") and is_number and abs(value) < 2**63:
        return int(value)
    if kind in ("float", "double") and is_number and math.isfinite(value):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "string" and isinstance(value, str):
        if re.search(r"[\ud800-\udfff]", value):
            raise _unreadable("A text holds half of a surrogate pair.")
        return value
    wanted = {"string": "a String", "boolean": "a Boolean", **_NUMBERS}.get(kind, f"a {kind}")
    raise _unreadable(f"{_token(value)} can not be converted to {wanted}")


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"


def _unreadable(message: str) -> ApiError:
    return ApiError("SerializationException", message)


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                yield _violation("null", f"{path}{name}", "Member must not be null", quoted=False)
        for name, member in value.items():
            yield from _violations(shape.members[name], member, f"{path}{name}.")
    elif shape.type_name == "list":
        yield from _list_violations(shape, value, path)
    else:
        yield from _scalar_violations(shape, value, path.removesuffix("."))


def _list_violations(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    limits = shape.metadata
    shown = f"[{', '.join(_shown(shape.member, item) for item in value)}]"
    if len(value) > limits.get("max", len(value)):
        limit = f"Member must have length less than or equal to {limits['max']}"
        yield _violation(shown, path.removesuffix("."), limit)
    if len(value) < limits.get("min", 0):
        limit = f"Member must have length greater than or equal to {limits['min']}"
        yield _violation(shown, path.removesuffix("."), limit)
    for number, item in enumerate(value, 1):
        yield from _violations(shape.member, item, f"{path}{number}.member.")


def _scalar_violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if isinstance(value, str):
        length = len(value.encode()) if shape.name in _COUNTED_IN_BYTES else len(value)
        shown = "***" if limits.get("sensitive") else value
        if "max" in limits and length > limits["max"]:
            yield _violation(shown, path, f"Member must have length less than or equal to {limits['max']}")
        if length < limits.get("min", 0):
            yield _violation(shown, path, f"Member must have length greater than or equal to {limits['min']}")
        if "pattern" in limits and not _pattern(limits["pattern"]).fullmatch(value):
            yield _violation(shown, path, f"Member must satisfy regular expression pattern: {limits['pattern']}")
        if shape.enum and value not in shape.enum:
            allowed = _STATUSES if path == "statusFilter" else f"[{', '.join(shape.enum)}]"
            yield _violation(value, path, f"Member must satisfy enum value set: {allowed}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "max" in limits and value > limits["max"]:
            yield _violation(value, path, f"Member must have value less than or equal to {limits['max']}")
        if "min" in limits and value < limits["min"]:
            yield _violation(value, path, f"Member must have value greater than or equal to {limits['min']}")


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace(r"\p{ASCII}", "[\x00-\x7f]"))  # a class of characters that only Java knows


def _shown(shape: Any, value: Any) -> str:
    """Show a member of a list as AWS does: ``Route(arn=…, weight=50)``."""
    if shape.type_name != "structure":
        return str(value)
    members = ", ".join(f"{name}={value[name]}" for name in shape.members if name in value)
    return f"{shape.name}({members})"


def _violation(value: Any, path: str, constraint: str, *, quoted: bool = True) -> str:
    shown = f"'{value}'" if quoted else value
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"

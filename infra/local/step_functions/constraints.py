"""Constraints of the API's model (lengths, ranges, patterns, enumerations), checked and worded as AWS does.

The model is botocore's own ``stepfunctions`` service description, so the constraints are AWS's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session

from infra.local.step_functions.errors import ApiError

# The order in which AWS lists the values (recorded answers of ListExecutions).
_STATUSES = "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"


@functools.cache
def _operations() -> Any:
    return botocore.session.get_session().get_service_model("stepfunctions")


def check(action: str, request: dict[str, Any]) -> None:
    """Check the members of a request.

    Raises
    ------
    ApiError
        ``ValidationException`` that names every violation.
    """
    problems = list(_violations(_operations().operation_model(action).input_shape, request, ""))
    if problems:
        noun = "validation error" if len(problems) == 1 else "validation errors"
        raise ApiError("ValidationException", f"{len(problems)} {noun} detected: {'; '.join(problems)}")


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _violation("null", f"{path}{name}", "Member must not be null", quoted=False)
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _violations(member, value[name], f"{path}{name}.")
    elif shape.type_name == "list" and isinstance(value, list):
        if len(value) > shape.metadata.get("max", len(value)):
            shown = ", ".join(_shown(shape.member, item) for item in value)
            limit = f"Member must have length less than or equal to {shape.metadata['max']}"
            yield _violation(f"[{shown}]", path.removesuffix("."), limit)
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}{number}.member.")
    else:
        yield from _scalar_violations(shape, value, path.removesuffix("."))


def _scalar_violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if isinstance(value, str):
        if "max" in limits and len(value) > limits["max"]:
            yield _violation(value, path, f"Member must have length less than or equal to {limits['max']}")
        if len(value) < limits.get("min", 0):
            yield _violation(value, path, f"Member must have length greater than or equal to {limits['min']}")
        if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
            yield _violation(value, path, f"Member must satisfy regular expression pattern: {limits['pattern']}")
        if shape.enum and value not in shape.enum:
            allowed = _STATUSES if path == "statusFilter" else f"[{', '.join(shape.enum)}]"
            yield _violation(value, path, f"Member must satisfy enum value set: {allowed}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "max" in limits and value > limits["max"]:
            yield _violation(value, path, f"Member must have value less than or equal to {limits['max']}")
        if "min" in limits and value < limits["min"]:
            yield _violation(value, path, f"Member must have value greater than or equal to {limits['min']}")


def _shown(shape: Any, value: Any) -> str:
    """Show a member of a list as AWS does: ``Route(arn=…, weight=50)``."""
    if shape.type_name != "structure":
        return str(value)
    members = ", ".join(f"{name}={value[name]}" for name in shape.members if name in value)
    return f"{shape.name}({members})"


def _violation(value: Any, path: str, constraint: str, *, quoted: bool = True) -> str:
    shown = f"'{value}'" if quoted else value
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"

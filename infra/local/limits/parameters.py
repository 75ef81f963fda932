"""Parameter Store (Systems Manager API reference, "PutParameter")."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.limits.calls import Call
from infra.local.limits.refusal import Refusal, refuse_beyond
from infra.local.limits.service_limits import Rule
from tasks.aws_limits import (
    PARAMETER_ADVANCED_VALUE,
    PARAMETER_LEVELS,
    PARAMETER_NAME,
    PARAMETER_STANDARD_VALUE,
    utf8_bytes,
)

TierOf = Callable[[Mapping[str, Any]], str]
"""The tier that a parameter gets if PutParameter is called with some members: ``Standard`` or ``Advanced``."""

_NAME = re.compile(r"[A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+)+")


def rules(tier_of: TierOf) -> dict[str, Rule]:
    """Return the rules by operation."""

    def put_parameter(call: Call) -> None:
        _check_name(call)
        _check_value(call.members.get("Value"), lambda: tier_of(call.members))

    return {"PutParameter": put_parameter}


def _check_name(call: Call) -> None:
    name = str(call.members.get("Name", "")).strip(" ")
    if not name:
        return  # the service asks for one
    # The limit is that of the name within its ARN.
    whole = f"arn:aws:ssm:{call.request.region}:{call.request.account}:parameter/{name.lstrip('/')}"
    refuse_beyond(PARAMETER_NAME, len(whole), f"Parameter name: must be at most {PARAMETER_NAME.value} characters long")
    refuse_beyond(
        PARAMETER_LEVELS,
        len(name.strip("/").split("/")),
        f"Hierarchy depth of a parameter name is at most {PARAMETER_LEVELS.value} levels. Found: {name}",
    )
    if "/" in name and not name.startswith("/"):
        raise Refusal("ValidationException", "Parameter name must be a fully qualified name.")
    if not _NAME.fullmatch(name):
        raise Refusal(
            "ValidationException",
            'Parameter name: can only include the following symbols and letters: "a-zA-Z0-9_.-", and "/" between '
            "levels.",
        )


def _check_value(value: Any, tier: Callable[[], str]) -> None:
    if not isinstance(value, str):
        return
    if not value:
        raise Refusal(
            "ValidationException",
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1.",
        )
    if re.search(r"\{\{.*\}\}", value, re.DOTALL):
        raise Refusal(
            "ValidationException",
            'Parameter value : can\'t nest another parameter. Do not use "{{}}" in the value.',
        )
    size = utf8_bytes(value)
    if size <= PARAMETER_STANDARD_VALUE.value:
        return
    most = PARAMETER_ADVANCED_VALUE.value
    refuse_beyond(
        PARAMETER_ADVANCED_VALUE,
        size,
        f"Advanced tier parameters support a maximum parameter value of {most} characters.",
    )
    if tier() == "Standard":
        raise Refusal(
            PARAMETER_STANDARD_VALUE.error,
            f"Standard tier parameters support a maximum parameter value of {PARAMETER_STANDARD_VALUE.value} "
            "characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. "
            "For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/"
            "parameter-store-advanced-parameters.html",
        )

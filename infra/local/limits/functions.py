"""Lambda (API reference, "CreateFunction", "Invoke"; developer guide, "Lambda quotas")."""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.limits.calls import Call
from infra.local.limits.refusal import Refusal, refuse_beyond
from infra.local.limits.service_limits import Rule
from tasks.aws_limits import (
    LAMBDA_ASYNCHRONOUS_REQUEST,
    LAMBDA_ENVIRONMENT,
    LAMBDA_LAYERS,
    LAMBDA_MEMORY,
    LAMBDA_NAME,
    LAMBDA_REQUEST,
    LAMBDA_TIMEOUT,
    Limit,
    utf8_bytes,
)
from workflows.interpreter.json_text import JsonError, parse

#: Developer guide, "Defined runtime environment variables": those that cannot be set.
_RESERVED = frozenset(
    {
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)  # fmt: skip
_UNFIT = "Lambda was unable to configure your environment variables because the environment variables you have provided"


def _configure(call: Call) -> None:
    members = call.members
    if call.operation == "CreateFunction":
        name = str(members.get("FunctionName", ""))
        refuse_beyond(LAMBDA_NAME, len(name.rpartition(":")[2]), _longer(name, "functionName", LAMBDA_NAME))
    if "CapacityProviderConfig" not in members:  # functions on instances of their own may have more
        _check_number(members, "Timeout", LAMBDA_TIMEOUT)
        _check_number(members, "MemorySize", LAMBDA_MEMORY)
    layers = members.get("Layers") or []
    refuse_beyond(LAMBDA_LAYERS, len(layers), f"Cannot reference more than {LAMBDA_LAYERS.value} layers.")
    variables = (members.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(_RESERVED & variables.keys())
    if reserved:
        raise Refusal(
            "InvalidParameterValueException",
            f"{_UNFIT} contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}",
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    refuse_beyond(
        LAMBDA_ENVIRONMENT, utf8_bytes(measured), f"{_UNFIT} exceeded the 4KB limit. String measured: {measured}"
    )


def _check_number(members: Mapping[str, Any], name: str, limit: Limit) -> None:
    value = members.get(name)
    if isinstance(value, int):
        place = f"{name[0].lower()}{name[1:]}"
        refuse_beyond(limit, value, _beyond(value, place, f"value less than or equal to {limit.value}"))


def _longer(value: str, place: str, limit: Limit) -> str:
    return _beyond(value, place, f"length less than or equal to {limit.value}")


def _beyond(value: object, place: str, most: str) -> str:
    constraint = f"failed to satisfy constraint: Member must have {most}"
    return f"1 validation error detected: Value '{value}' at '{place}' {constraint}"


def _invoke(call: Call) -> None:
    body = call.request.body
    event = call.members.get("InvocationType") == "Event"
    limit = LAMBDA_ASYNCHRONOUS_REQUEST if event else LAMBDA_REQUEST
    refuse_beyond(
        limit, len(body), f"Request must be smaller than {limit.value} bytes for the InvokeFunction operation", 413
    )
    problem = not_json(body) if body else None  # nothing is an empty event
    if problem is not None:
        raise Refusal(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {problem}",
        )


def not_json(body: bytes) -> str | None:
    """Say why a payload is no JSON that every reader takes; None if it is."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return f"Invalid UTF-8 start byte 0x{body[error.start]:x}"
    try:
        value = parse(text)
    except JsonError as error:
        return error.message
    except RecursionError:
        return "Document nesting depth exceeds the maximum allowed"
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "Broken surrogate pair"
    return None


RULES: dict[str, Rule] = {
    "CreateFunction": _configure,
    "UpdateFunctionConfiguration": _configure,
    "Invoke": _invoke,
}

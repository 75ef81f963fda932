"""API Gateway: its own API, and requests to REST APIs.

Facts: developer guide, "Quotas for configuring and running a REST API".
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from infra.local.limits.calls import Call
from infra.local.limits.refusal import Refusal, refuse_beyond
from infra.local.limits.service_limits import Rule
from tasks.aws_limits import API_HEADERS, API_INTEGRATION_TIMEOUT, API_MODEL, API_PAYLOAD, API_STAGE_NAME, utf8_bytes

_SHORTEST_TIMEOUT = 50


def _create_stage(call: Call) -> None:
    name = str(call.members.get("stageName", ""))
    if len(name) > API_STAGE_NAME.value or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise Refusal(API_STAGE_NAME.error, "Stage name only allows a-zA-Z0-9_-")


def _put_integration(call: Call) -> None:
    timeout = call.members.get("timeoutInMillis")
    if isinstance(timeout, int) and not _SHORTEST_TIMEOUT <= timeout <= API_INTEGRATION_TIMEOUT.value:
        raise Refusal(
            API_INTEGRATION_TIMEOUT.error,
            f"Timeout should be between {_SHORTEST_TIMEOUT} ms and {API_INTEGRATION_TIMEOUT.value} ms",
        )


def _create_model(call: Call) -> None:
    schema = str(call.members.get("schema", ""))
    refuse_beyond(API_MODEL, utf8_bytes(schema), f"Model schema is too large, maximum is {API_MODEL.value} bytes")


RULES: dict[str, Rule] = {
    "CreateModel": _create_model,
    "CreateStage": _create_stage,
    "PutIntegration": _put_integration,
}


def too_large(method: str, path: str, query: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> str | None:
    """Say in API Gateway's words that a request to an API is too large; None if it is not."""
    line = f"{method} {path}{'?' if query else ''}{urlencode(query, doseq=True)} HTTP/1.1"
    if utf8_bytes(line) + sum(utf8_bytes(value) for value in headers.values()) > API_HEADERS.value:
        return f"HTTP header is larger than {API_HEADERS.value} bytes."
    if len(body) > API_PAYLOAD.value:
        return f"HTTP content length exceeded {API_PAYLOAD.value} bytes."
    return None

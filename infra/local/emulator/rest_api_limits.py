"""API Gateway's limits on requests to REST APIs, which the emulator does not have."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "services.apigateway_v1": (
        "_build_lambda_event_v1",
        "_execute_in_scope",
        "_gw_error",
        "_invoke_lambda_proxy_v1",
        "_stages_v1",
    ),
}

TooLarge = Callable[[str, str, Mapping[str, Any], Mapping[str, str], bytes], str | None]
"""Method, path with its stage, query, headers and body of a request -> API Gateway's words if it is too large."""

_TOO_LARGE = "REQUEST_TOO_LARGE"


class _EventTooLargeError(Exception):
    """An event is more than a function takes."""


class RestApiLimits:
    """Refuses what API Gateway refuses before an integration is asked, and waits no longer than API Gateway does."""

    def __init__(self) -> None:
        self._gateway = module("services.apigateway_v1")

    def refuse_with(self, too_large: TooLarge) -> None:
        """Let `too_large` see each request of a stage. Symptom: requests of any size are served."""
        gateway = self._gateway
        execute = gateway._execute_in_scope

        async def execute_what_fits(
            request: dict[str, Any], api: str, stage_name: str, method: str, path: str, headers: dict[str, str],
            body: bytes, query: dict[str, Any], *rest: Any,
        ) -> Any:  # fmt: skip
            stage = gateway._stages_v1.get(api, {}).get(stage_name)
            problem = too_large(method, f"/{stage_name}{path}", query, headers, body) if stage else None
            if problem is not None:
                request["stage"] = stage  # whose deployment words the answer
                return gateway._gw_error(_TOO_LARGE, problem)
            return await execute(request, api, stage_name, method, path, headers, body, query, *rest)

        rebind(execute, execute_what_fits)

    def bound_functions(self, most_bytes: int, longest_milliseconds: int) -> None:
        """Refuse requests whose event is more than Lambda takes, and answer for functions that take too long.

        Symptoms: functions get events of any size; a caller waits as long as the function does, which goes on after
        API Gateway has answered.
        """
        gateway = self._gateway
        build_event, invoke = gateway._build_lambda_event_v1, gateway._invoke_lambda_proxy_v1

        def build_event_that_fits(*call: Any, **details: Any) -> dict[str, Any]:
            event: dict[str, Any] = build_event(*call, **details)
            # A character takes up to six bytes, as \u00e9 does: what is short needs no measuring.
            if len(event.get("body") or "") > most_bytes // 12 and (
                len(json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")) > most_bytes
            ):
                raise _EventTooLargeError
            return event

        async def invoke_in_time(integration: dict[str, Any], *rest: Any, **details: Any) -> Any:
            milliseconds = min(int(integration.get("timeoutInMillis") or longest_milliseconds), longest_milliseconds)
            try:
                return await asyncio.wait_for(invoke(integration, *rest, **details), milliseconds / 1000)
            except TimeoutError:
                return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
            except _EventTooLargeError:
                return gateway._gw_error(_TOO_LARGE, "Request Too Long")

        rebind(build_event, build_event_that_fits)
        rebind(invoke, invoke_in_time)

"""API Gateway's REST APIs: what the emulator's data plane leaves out or gives away."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "core.iam_evaluator": ("EvalContext", "evaluate_resource_policy"),
    "core.responses": ("get_account_id", "get_region"),
    "services.apigateway_v1": (
        "_GATEWAY_ERROR_MESSAGES",
        "_build_lambda_event_v1",
        "_check_api_key",
        "_check_request_validation",
        "_execute_in_scope",
        "_extract_lambda_ref_from_integration_uri",
        "_gateway_error_response",
        "_gw_error",
        "_handle_execute_in_scope",
        "_invoke_lambda_proxy_v1",
        "_lambda_proxy_response",
        "_model_schema",
    ),
    "services.lambda_svc": ("_get_func_record_for_ref_in_scope",),
}

INTERNAL_ERROR = "Internal server error"
EXPLANATION = "$context.error.validationErrorString"

Explain = Callable[[Any, bytes], str]
"""Says in API Gateway's words how a request's body breaks a JSON schema."""


@dataclass(frozen=True)
class Exchange:
    """A request that a stage answered, as access logs tell of it.

    Attributes
    ----------
    request_id, api, stage, account, region
        Which call of which stage.
    destination, format
        The stage's access log settings: ARN of a log group, and the line with ``$context`` variables.
    method, resource_path, path, source_ip, user_agent, api_key
        What was asked; `resource_path` is empty if no resource matched, `api_key` the id of the caller's key.
    status, length, seconds
        What was answered: HTTP status, bytes of the body, and how long it took.
    error, error_type, explanation
        Message and type of the gateway response, and what validation said; empty if the integration answered.
    """

    request_id: str
    api: str
    stage: str
    account: str
    region: str
    destination: str
    format: str
    method: str
    resource_path: str
    path: str
    source_ip: str
    user_agent: str
    api_key: str
    status: int
    length: int
    seconds: float
    error: str
    error_type: str
    explanation: str


Log = Callable[[Exchange], Awaitable[None]]
"""Receives each exchange of a stage that has access logs."""

_current: ContextVar[dict[str, Any]] = ContextVar("rest_api_request")


class RestApis:
    """The emulator's execute-api, mended."""

    def __init__(self) -> None:
        self._gateway = module("services.apigateway_v1")
        self._responses = module("core.responses")
        self._keep_request_at_hand()
        self._tell_nothing_of_failed_functions()
        self._ask_the_functions_policy()

    def explain_bodies_with(self, explain: Explain) -> None:
        """Fill in ``$context.error.validationErrorString``, which the emulator leaves as it stands."""
        gateway = self._gateway
        check, answer = gateway._check_request_validation, gateway._gateway_error_response

        def check_and_explain(
            method: dict[str, Any], api: str, request: dict[str, Any], headers: Any, body: bytes, query: Any
        ) -> Any:
            error = check(method, api, request, headers, body, query)
            if error is not None:
                request["explanation"] = error.message
            if error is not None and error.response_type == "BAD_REQUEST_BODY":
                models = method.get("requestModels") or {}
                request["explanation"] = explain(gateway._model_schema(api, models.get("application/json")), body)
            return error

        def answer_with_explanation(error: Any, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
            request["error"] = error
            status, headers, body = answer(error, request)
            # Templates put the variable between quotes, and names of properties come in quotes.
            explanation = json.dumps(request.get("explanation", ""))[1:-1].encode()
            for variable in (EXPLANATION.encode(), b"${" + EXPLANATION[1:].encode() + b"}"):
                body = body.replace(variable, explanation)
            return status, headers, body

        rebind(check, check_and_explain)
        rebind(answer, answer_with_explanation)

    def log_with(self, log: Log) -> None:
        """Let `log` hear of the exchanges of stages with access logs, which the emulator does not write."""
        handle = self._gateway._handle_execute_in_scope

        async def handle_and_log(
            api: str, stage: str, method: str, path: str, headers: dict[str, str], *rest: Any
        ) -> tuple[int, dict[str, Any], Any]:
            started = time.monotonic()
            status, answered, body = await handle(api, stage, method, path, headers, *rest)
            request = _current.get({})
            settings = (request.get("stage") or {}).get("accessLogSettings") or {}
            if settings.get("destinationArn"):
                error = request.get("error")
                exchange = Exchange(
                    request_id=request["request_id"],
                    api=api,
                    stage=stage,
                    account=self._responses.get_account_id(),
                    region=self._responses.get_region(),
                    destination=settings["destinationArn"],
                    format=settings.get("format", ""),
                    method=method,
                    resource_path=request["resource_path"],
                    path=f"/{stage}{path}",
                    source_ip=headers.get("x-forwarded-for", "127.0.0.1"),
                    user_agent=headers.get("user-agent", ""),
                    api_key=request.get("api_key", {}).get("id", ""),
                    status=status,
                    length=len(body),
                    seconds=time.monotonic() - started,
                    error=(error.message or "") if error else "",
                    error_type=error.response_type if error else "",
                    explanation=request.get("explanation", ""),
                )
                await log(exchange)
            return status, answered, body

        rebind(handle, handle_and_log)

    def _keep_request_at_hand(self) -> None:
        # Symptom: the function is told another request id than the caller and the access log, and no API key.
        gateway = self._gateway
        execute, check_key, build_event = (
            gateway._execute_in_scope,
            gateway._check_api_key,
            gateway._build_lambda_event_v1,
        )

        async def execute_and_name(request: dict[str, Any], *rest: Any) -> Any:
            _current.set(request)
            answer = await execute(request, *rest)
            if isinstance(answer, tuple):
                answer[1].setdefault("x-amzn-requestid", request["request_id"])
            return answer

        def check_and_keep_key(*call: Any) -> Any:
            error, key = check_key(*call)
            _current.get()["api_key"] = key or {}
            return error, key

        def build_named_event(*call: Any, **details: Any) -> dict[str, Any]:
            event: dict[str, Any] = build_event(*call, **details)
            request = _current.get()
            event["requestContext"]["requestId"] = request["request_id"]
            if request["api_key"]:
                identity = {"apiKey": request["api_key"]["value"], "apiKeyId": request["api_key"]["id"]}
                event["requestContext"]["identity"].update(identity)
            return event

        rebind(execute, execute_and_name)
        rebind(check_key, check_and_keep_key)
        rebind(build_event, build_named_event)

    def _tell_nothing_of_failed_functions(self) -> None:
        # Symptom: the caller is shown the error and the stack trace of a function that failed, and what is not a
        # response of the proxy form as if it were one. Source: API Gateway developer guide, "Handle Lambda errors".
        respond = self._gateway._lambda_proxy_response

        def respond_or_hide(result: Mapping[str, Any]) -> tuple[Any, str | None]:
            body = result.get("body")
            if not result.get("throttle") and (
                result.get("error") or not isinstance(body, dict) or "statusCode" not in body
            ):
                return None, INTERNAL_ERROR
            answer: tuple[Any, str | None] = respond(result)
            return answer

        rebind(respond, respond_or_hide)

    def _ask_the_functions_policy(self) -> None:
        # Symptom: an API invokes functions that never permitted it.
        gateway = self._gateway
        invoke = gateway._invoke_lambda_proxy_v1

        async def invoke_if_permitted(
            integration: dict[str, Any], api: str, stage_name: str, stage: Any, resource: dict[str, Any], path: str,
            method: str, *rest: Any, **details: Any,
        ) -> Any:  # fmt: skip
            function = gateway._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
            account, region = details["owner_account_id"], details["owner_region"]
            source = f"arn:aws:execute-api:{region}:{account}:{api}/{stage_name}/{method}{resource['path']}"
            if not self._permits(function, source, account, region):
                return gateway._gw_error("API_CONFIGURATION_ERROR", INTERNAL_ERROR)
            return await invoke(integration, api, stage_name, stage, resource, path, method, *rest, **details)

        rebind(invoke, invoke_if_permitted)

    def _permits(self, function: str, source: str, account: str, region: str) -> bool:
        find = module("services.lambda_svc")._get_func_record_for_ref_in_scope
        record, config, _ = find(function, account_id=account, region=region)
        if record is None:
            return True  # the emulator says what is wrong with a function that is not there
        evaluator = module("core.iam_evaluator")
        context = evaluator.EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action="lambda:InvokeFunction",
            resource_arn=config["FunctionArn"],
            region=region,
            service_context={"aws:sourcearn": source, "aws:sourceaccount": account},
        )
        policy = json.dumps(record.get("policy") or {})
        verdict = evaluator.evaluate_resource_policy(policy, context, service="apigateway.amazonaws.com")
        return bool(verdict.decision == "Allow")

"""What web pages may ask, and which CORS headers they are answered with: only what an application configured."""

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "app": (
        "_APPSYNC_REALTIME_RE",
        "_IOT_DATA_WS_RE",
        "_dispatch_service_request",
        "_handle_options_request",
        "_parse_execute_api_url",
        "_parse_lambda_url",
        "_resolve_stage_and_path",
        "_s3_cors_target",
        "_with_data_plane_headers",
    ),
    "core.router": ("detect_service", "extract_access_key_id"),
    "services.apigateway_v1": ("_match_resource_tree", "find_api_scope", "request_scope"),
    "services.lambda_svc": ("_function_url_cors_headers", "resolve_function_url"),
    "services.s3": ("cors_response_headers",),
}

NEVER = re.compile(r"(?!)")


class Pages:
    """Web pages in front of the emulator.

    Parameters
    ----------
    is_issued
        Whether an access key is one that the emulator gave out, so that its signature is checked.
    """

    def __init__(self, is_issued: Callable[[str], bool]) -> None:
        self._app = module("app")
        self._router = module("core.router")
        self._is_issued = is_issued
        self._answer_with_configured_headers_alone()
        self._accept_no_websockets_of_shut_services()

    def permits(self, scope: MutableMapping[str, Any], origin: str) -> bool:
        """Whether an application's own configuration lets pages of `origin` send this request.

        - An API of API Gateway: its resource has an OPTIONS method (API Gateway developer guide, "CORS for REST APIs in
          API Gateway").
        - A function URL: its CORS configuration allows the origin (Lambda developer guide, "Creating and managing
          Lambda function URLs", "Cross-origin resource sharing (CORS)").
        - An object or a bucket: a CORS rule allows origin and method (S3 user guide, "Using cross-origin resource
          sharing (CORS)").

        An empty `origin` is that of the request: such pages may use these three too, and nothing else. Pages must sign,
        if they do, with keys whose signatures are checked.
        """
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        key = self._router.extract_access_key_id(headers)
        if scope["type"] != "http" or (key and not self._is_issued(key)):
            return False
        host, path, method = headers["host"], scope["path"], scope["method"]
        call = self._app._parse_execute_api_url(host, path)
        if call:
            return not origin or self._has_options(*call)
        url = self._app._parse_lambda_url(host, path)
        if url:
            return not origin or self._function_allows(url[0], origin)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if self._router.detect_service(method, path, headers, query) != "s3":
            return False
        wanted = headers.get("access-control-request-method", "") if method == "OPTIONS" else method
        return not origin or self._bucket_allows(host, path, wanted, origin)

    def _has_options(self, api: str, stage: str, path: str) -> bool:
        gateway = module("services.apigateway_v1")
        owner = gateway.find_api_scope(api)
        if owner is None:
            return False
        _, path = self._app._resolve_stage_and_path(api, stage, path)
        with gateway.request_scope(*owner):
            resource, _ = gateway._match_resource_tree(api, [part for part in path.split("/") if part])
        return "OPTIONS" in (resource or {}).get("resourceMethods", {})

    def _function_allows(self, url_id: str, origin: str) -> bool:
        functions = module("services.lambda_svc")
        found = functions.resolve_function_url(url_id)
        return found is not None and bool(functions._function_url_cors_headers(found[-1], {"origin": origin}))

    def _bucket_allows(self, host: str, path: str, method: str, origin: str) -> bool:
        target = self._app._s3_cors_target(host, path)
        return bool(target) and bool(module("services.s3").cors_response_headers(target[0], method, {"origin": origin}))

    def _answer_with_configured_headers_alone(self) -> None:
        # Symptom: every answer but those of S3, API Gateway and function URLs lets pages of any origin read it, and
        # every preflight is granted.
        app = self._app
        dispatch, preflight, finish = (
            app._dispatch_service_request,
            app._handle_options_request,
            app._with_data_plane_headers,
        )

        async def dispatch_without_cors(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any], request_id: str
        ) -> tuple[int, dict[str, Any], Any]:
            status, answered, content = await dispatch(method, path, headers, body, query, request_id)
            # S3 names allowed headers in preflights only, which do not come here.
            if "Access-Control-Allow-Headers" in answered:
                answered = {n: v for n, v in answered.items() if not n.lower().startswith("access-control-")}
            return status, answered, content

        def preflight_of_bucket(
            method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any], request_id: str
        ) -> Any:
            if not app._s3_cors_target(headers.get("host", ""), path):
                return None
            if self._router.detect_service(method, path, headers, query) != "s3":
                return None
            return preflight(method, path, headers, query, request_id)

        def finish_without_cors(*call: Any, **details: Any) -> Any:
            return finish(*call, **{**details, "wildcard_cors": False})

        rebind(dispatch, dispatch_without_cors)
        rebind(preflight, preflight_of_bucket)
        rebind(finish, finish_without_cors)

    def _accept_no_websockets_of_shut_services(self) -> None:
        # Symptom: AppSync and IoT are shut and accept WebSockets nevertheless.
        self._app._APPSYNC_REALTIME_RE = self._app._IOT_DATA_WS_RE = NEVER

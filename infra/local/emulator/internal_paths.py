"""The paths that the emulator has beside AWS's: shut, but for links that it hands out."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "app": (
        "_handle_cognito_body_request",
        "_handle_cognito_get_request",
        "_handle_ecr_registry_request",
        "_handle_health_request",
        "_is_ecr_registry_path",
    ),
    "services.ecr": ("_get_authorization_token", "_registry_error"),
    "services.lambda_svc": ("_layer_content_url", "_presigned_code_url"),
}

APPLICATIONS = ("/_aws/execute-api/", "/_aws/lambda-url/")
"""Where APIs and function URLs are reached; these say themselves who may call them."""

ANSWERS = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
"""Where custom resources and wait conditions are answered; the rest of the path is a token that cannot be guessed."""

DOWNLOADS = ("/_ministack/lambda-code/", "/_ministack/lambda-layers/")
"""Where the code of functions and layers is downloaded, with a signature as in S3's presigned URLs."""

SIGNATURE = "X-Amz-Signature"


class InternalPaths:
    """Says which internal paths are served, and to whom."""

    def __init__(self) -> None:
        self._app = module("app")
        self._secret = secrets.token_bytes(32)
        self._sign_downloads()
        self._shut_what_is_no_aws()
        self._ask_for_the_registrys_password()

    def opens(self, scope: MutableMapping[str, Any]) -> bool:
        """Whether a request to a path that begins with an underscore is served."""
        path: str = scope["path"]
        if path.startswith(APPLICATIONS):
            return True
        if scope["type"] != "http":
            return False
        if path.startswith(ANSWERS):
            return bool(scope["method"] == "PUT")
        given = parse_qs(scope["query_string"].decode("latin-1")).get(SIGNATURE, [""])[0]
        return path.startswith(DOWNLOADS) and hmac.compare_digest(given.encode(), self._signature(path).encode())

    def _signature(self, path: str) -> str:
        return hmac.new(self._secret, path.encode(), hashlib.sha256).hexdigest()

    def _sign_downloads(self) -> None:
        # Symptom: who knows a function's name can download its code, without credentials.
        functions = module("services.lambda_svc")
        for make_url in (functions._layer_content_url, functions._presigned_code_url):
            rebind(make_url, self._signing(make_url))

    def _signing(self, make_url: Any) -> Any:
        def make_signed_url(*call: Any) -> str:
            url = urlsplit(str(make_url(*call)))
            return url._replace(query=f"{SIGNATURE}={self._signature(url.path)}").geturl()

        return make_signed_url

    def _shut_what_is_no_aws(self) -> None:
        # Symptom: `/health` tells what is served and hides the bucket of that name, and the sign-in pages of Cognito,
        # which is shut, are served.
        def no_answer(*_: Any) -> None:
            return None

        async def no_answer_later(*_: Any) -> None:
            return None

        rebind(self._app._handle_health_request, no_answer)
        rebind(self._app._handle_cognito_get_request, no_answer_later)
        rebind(self._app._handle_cognito_body_request, no_answer_later)

    def _ask_for_the_registrys_password(self) -> None:
        # Symptom: images are pushed and pulled without credentials. Source: Amazon ECR user guide, "Private registry
        # authentication in Amazon ECR", "Using HTTP API authentication".
        app, registry = self._app, module("services.ecr")
        serve = app._handle_ecr_registry_request

        async def serve_who_logged_in(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> Any:
            if app._is_ecr_registry_path(path) and headers.get("authorization") != f"Basic {_registry_token()}":
                status, answered, text = registry._registry_error(401, "UNAUTHORIZED", "authentication required")
                challenge = f'Basic realm="http://{headers["host"]}/",service="ecr.amazonaws.com"'
                return status, {**answered, "WWW-Authenticate": challenge}, text
            return await serve(method, path, headers, body, query)

        rebind(serve, serve_who_logged_in)


def _registry_token() -> str:
    _, _, answer = module("services.ecr")._get_authorization_token({})
    return str(json.loads(answer)["authorizationData"][0]["authorizationToken"])

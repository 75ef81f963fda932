"""API Gateway: ``apigateway:invoke`` calls an API that is deployed on the embedded AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.shapes import UnfitArgumentError
from infra.local.step_functions.integrations.task import Task
from infra.local.step_functions.texts import NoJsonError, json_of
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import text_of


class RestIntegration:
    """Invokes REST and HTTP APIs.

    Arguments and answer: Step Functions developer guide, "Create API Gateway REST APIs with Step Functions".
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._pool = urllib3.PoolManager(retries=False, timeout=30.0)

    def check(self, task: Task) -> None:
        """Check that the API and the method are named; see `Integration`."""
        for name in ("ApiEndpoint", "Method"):
            if name not in task.arguments:
                raise task.unfit(UnfitArgumentError(f"The field '{name}' is required but was missing"))
        if not isinstance(task.arguments.get("QueryParameters") or {}, Mapping):
            raise task.unfit(UnfitArgumentError("The value of the field 'QueryParameters' has an invalid format"))

    async def request(self, task: Task) -> Json:
        """Invoke the API; see `Integration`. A status of 400 and more fails the task as ``ApiGateway.{status}``."""
        answer = await self._calls.off_loop(self._invoke, task)
        if answer["StatusCode"] >= 400:
            body = answer["ResponseBody"]
            cause = body if isinstance(body, str) else text_of(body)
            raise StatesError(f"ApiGateway.{answer['StatusCode']}", cause)
        return answer

    def _invoke(self, task: Task) -> dict[str, Any]:
        arguments = task.arguments
        api = str(arguments["ApiEndpoint"]).partition(".")[0]
        path = str(arguments.get("Path") or "").lstrip("/")
        url = f"{self._calls.endpoint_url}/_aws/execute-api/{api}/{arguments.get('Stage') or '$default'}/{path}"
        if query := arguments.get("QueryParameters"):
            url += "?" + urlencode(query, doseq=True)
        body = arguments.get("RequestBody")
        content = None if body is None else text_of(body).encode()
        headers = {name: _joined(value) for name, value in (arguments.get("Headers") or {}).items()}
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        if arguments.get("AuthType") == "IAM_ROLE":
            headers = self._signed(task, str(arguments["Method"]), url, content, headers)
        response = self._pool.request(str(arguments["Method"]), url, body=content, headers=headers)
        return {
            "Headers": {name: response.headers.getlist(name) for name in response.headers},
            "ResponseBody": _body(response.data.decode(errors="replace")),
            "StatusCode": response.status,
            "StatusText": response.reason or "OK",
        }

    def _signed(
        self, task: Task, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> dict[str, str]:
        given = self._calls.credentials(task.identity)
        credentials = Credentials(given.access_key, given.secret_key, given.session_token)
        request = AWSRequest(method=method, url=url, data=content, headers=dict(headers))
        SigV4Auth(credentials, "execute-api", task.identity.region).add_auth(request)
        return dict(request.headers.items())


def _joined(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _body(text: str) -> Any:
    try:
        return json_of(text)
    except NoJsonError:
        return text

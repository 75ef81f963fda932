"""Requests and responses as the services of the embedded AWS see them."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One call of an AWS API, already authenticated, authorized and routed.

    Attributes
    ----------
    method, path, query
        As sent; `query` maps each parameter to its values.
    headers
        Names in lower case.
    body
        The raw body.
    account, region
        Whose call it is: 12 digits, and the region that the request was signed for.
    access_key
        Access key id of the signature; empty for internal calls, which act as the account's root.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, list[str]]
    account: str
    region: str
    access_key: str = ""

    @property
    def action(self) -> str:
        """Operation named by the JSON protocols' ``X-Amz-Target`` header, e.g. ``StartExecution``."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty body is an empty object.

        Raises
        ------
        ValueError
            If the body is not a JSON object.
        """
        try:
            document = json.loads(self.body or b"{}")
        except RecursionError as error:
            raise ValueError("the request body is nested too deeply") from error
        if not isinstance(document, dict):
            raise ValueError("the request body must be a JSON object")
        return document


@dataclass(frozen=True)
class Response:
    """Answer to a `Request`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Handler = Callable[[Request], Awaitable[Response]]
"""A service: answers requests. It runs on the event loop, so it must not block: long work goes to a thread."""

Wrapper = Callable[[Request, Handler], Awaitable[Response]]
"""A service in front of another: answers some requests, hands the rest to the handler that it receives."""


def json_response(payload: Any, status: int = 200, content_type: str = "application/x-amz-json-1.0") -> Response:
    """Render a JSON answer; timestamps in it must be epoch seconds already."""
    return Response(status, {"Content-Type": content_type}, json.dumps(payload).encode())


def error_response(code: str, message: str, status: int = 400) -> Response:
    """Render an error so that SDKs of the JSON and REST-JSON protocols raise `code`.

    The code stands in the ``__type`` member and in the ``x-amzn-errortype`` header (Smithy, "AWS JSON 1.0
    protocol" and "AWS restJson1 protocol", operation error serialization).
    """
    response = json_response({"__type": code, "message": message}, status)
    response.headers["x-amzn-errortype"] = code
    return response

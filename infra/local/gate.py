"""What stands before the embedded AWS, so that no web page drives it.

Whoever can send it a signed request acts as the account's root, and it executes code. Any page that a browser of this
machine has open can send requests to 127.0.0.1, and after DNS rebinding under a name of its own. A page cannot choose
``Host``, and cannot keep a browser from telling where a request comes from: ``Origin`` (Fetch standard, "Origin
header"), ``Sec-Fetch-Site`` (W3C, "Fetch Metadata Request Headers") or ``Referer``. Programs send none of these three.
"""

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

Permits = Callable[[Message, str], bool]
"""Whether an application's own configuration lets pages of an origin send a request; empty: the request's own."""

Opens = Callable[[Message], bool]
"""Whether a request to a path that begins with an underscore is served, though no AWS service has one."""

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.IGNORECASE)
OPAQUE = "null"


class Gate:
    """Refuses requests under a foreign name, from web pages, and to internal paths.

    Parameters
    ----------
    application
        Receives the rest.
    permits, opens
        Which of them are served nevertheless.
    """

    def __init__(self, application: Application, permits: Permits, opens: Opens) -> None:
        self._application = application
        self._permits = permits
        self._opens = opens

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with 403."""
        reason = None if scope["type"] == "lifespan" else refusal(scope, self._permits, self._opens)
        if reason is None:
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the answer is 403
        else:
            await _refuse(reason, send)


def refusal(scope: Message, permits: Permits, opens: Opens) -> str | None:
    """Say why a request is refused and what is allowed, or ``None``.

    Parameters
    ----------
    scope
        Of an HTTP request or of a WebSocket's handshake (ASGI specification, "HTTP & WebSocket ASGI Message Format").
    permits, opens
        See `Gate`.
    """
    hosts = _values(scope, b"host")
    if len(hosts) != 1 or not is_loopback(hosts[0]):
        return (
            f"The request is for the host {', '.join(hosts) or 'of no name'}. This embedded AWS answers to names of "
            "this machine only: localhost, names that end with .localhost, 127.0.0.1 and [::1]."
        )
    if scope["path"].startswith("/_") and not opens(scope):
        return "The path is internal to the embedded AWS; no AWS service has one that begins with an underscore."
    origin = origin_of_page(scope, hosts[0])
    if origin is not None and not permits(scope, origin):
        return (
            f"The request comes from a web page{f' of {origin}' if origin else ''}. Pages may call what an application "
            "opens to them: an API Gateway resource with an OPTIONS method, a function URL or a bucket whose CORS "
            "configuration allows their origin."
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether a ``Host`` header names this machine, and not by a name that somebody's DNS server resolves.

    ``localhost`` and the names below it never leave the machine (RFC 6761, section 6.3).
    """
    match = HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def origin_of_page(scope: Message, host: str) -> str | None:
    """Tell the origin of the page that sends a request; empty if it is that of `host`, ``None`` if no page does.

    Another port of this machine is another origin, though browsers call it the same site.
    """
    own = f"http://{host}".lower()
    named = {value.lower() for value in _values(scope, b"origin")}
    referers = {_origin(value) for value in _values(scope, b"referer")}
    sites = set(_values(scope, b"sec-fetch-site"))
    for foreign in (named - {own}, referers - {own}):
        if foreign:
            return OPAQUE if len(foreign) > 1 else foreign.pop() or OPAQUE
    if sites - {"none", "same-origin"}:
        return OPAQUE
    return "" if named or referers or "same-origin" in sites else None


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return OPAQUE
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower() if parts.netloc else OPAQUE


def _values(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]


async def _refuse(reason: str, send: Send) -> None:
    body = json.dumps({"__type": "AccessDeniedException", "message": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-amzn-errortype", b"AccessDeniedException"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})

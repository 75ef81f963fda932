"""The server's HTTP side: SageMaker's contract as an ASGI application.

What SageMaker asks of a container: `GET /ping` answers 200 within 2 s once the model is loaded, `POST /invocations`
answers within 60 s (Amazon SageMaker AI developer guide, "Custom Inference Code with Hosting Services").

On a laptop the server is in reach of every page that a browser has open, also under a name of the page's own (DNS
rebinding), and the name by which SageMaker calls is not ours to know. So it is told by what browsers add to requests
and cannot be kept from adding, and SageMaker does not: `Origin` (Fetch standard, "Origin header"; with every POST) and
`Sec-Fetch-Site` (W3C, "Fetch Metadata Request Headers").
"""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import orjson

from batch_jobs.serving.errors import RequestRefused
from batch_jobs.serving.predictor import Predictor
from batch_jobs.serving.traffic import Traffic

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Bytes of a request; 10,000 records of twenty fields are about half of that.
MOST_BYTES = 6 * 1024 * 1024
#: Bytes that are parsed and checked within a millisecond: for so long, others may wait.
_QUICKLY_READ = 65_536
_METHODS = {"/ping": "GET", "/invocations": "POST"}
_JSON = (b"content-type", b"application/json")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Application:
    """Serves a predictor.

    Parameters
    ----------
    workers
        Score the large bodies; to score, the frameworks' libraries let other threads run.
    traffic
        Is told of each answer.
    most_in_flight
        Requests that may be under way, more get 429: to fail soon is better than to fail after a minute in a queue.
    is_stopping
        Whether the server takes its leave.
    access_log
        Whether to print a line for each request.
    """

    def __init__(
        self,
        predictor: Predictor,
        workers: Executor,
        traffic: Traffic,
        *,
        most_in_flight: int,
        is_stopping: Callable[[], bool],
        access_log: bool,
    ) -> None:
        self._predictor, self._workers, self._traffic, self._most = predictor, workers, traffic, most_in_flight
        self._is_stopping, self._access_log = is_stopping, access_log
        self._in_flight = 0
        self.answered = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        start = time.perf_counter()
        self._in_flight += 1
        try:
            status, headers, body = 200, [_JSON, _NOSNIFF], await self._answer(scope, receive)
        except RequestRefused as refused:
            status, headers, body = refused.status, _headers_of(refused, scope), orjson.dumps(refused.to_json())
        except ConnectionError:
            return
        except Exception as error:  # a defect: all that there is to say goes to the log, and nothing to the client
            print(_line("ERROR", "defect", error=repr(error), trace=traceback.format_exc()), flush=True)
            failed = {"error": "InternalError", "message": "the server failed; its log says why"}
            status, headers, body = 500, [_JSON, _NOSNIFF], orjson.dumps(failed)
        finally:
            self._in_flight -= 1
        self.answered += 1
        if scope["path"] == "/invocations":
            self._traffic.answered(status)
        self._traffic.tell_if_due()
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        if self._access_log:
            seconds = round(time.perf_counter() - start, 6)
            print(_line("INFO", "answered", path=scope["path"], status=status, seconds=seconds), flush=True)

    async def _answer(self, scope: Message, receive: Receive) -> bytes:
        path, headers = scope["path"], dict(scope["headers"])
        if b"origin" in headers or b"sec-fetch-site" in headers:
            raise RequestRefused(
                403, "FromWebPage", "web pages are not answered; call SageMaker's endpoint from a server"
            )
        method = _METHODS.get(path)
        if method is None:
            raise RequestRefused(404, "NotFound", f"there are {' and '.join(_METHODS)}, and no {path}")
        if scope["method"] != method:
            raise RequestRefused(405, "MethodNotAllowed", f"{path} takes {method}, not {scope['method']}")
        if self._is_stopping():
            raise RequestRefused(503, "Stopping", "the server is shutting down; another one will answer")
        if path == "/ping":
            return b""
        if self._in_flight > self._most:
            raise RequestRefused(429, "TooManyRequests", f"{self._most} requests are under way already; try again")
        body = await _body(headers, receive)
        return await self._predictions(body)

    async def _predictions(self, body: bytes) -> bytes:
        """Do here what is done at once, and have the rest done: threads that wait for each other cost more than that.

        A worker that scores lets this thread run; one that parses or checks does not, so it does so only if it must.
        """
        predictor, loop = self._predictor, asyncio.get_running_loop()
        rows = predictor.plain_rows(body) if len(body) <= _QUICKLY_READ else None
        if rows is None:
            return await loop.run_in_executor(self._workers, predictor.answer, body)
        if len(rows) <= predictor.most_at_once:
            return predictor.written(predictor.scores_one_by_one(rows))
        return predictor.written(await loop.run_in_executor(self._workers, predictor.scores, rows))


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The whole body, if it is JSON by its own account and not too large.

    Raises
    ------
    ConnectionError
        If the client leaves before it has sent everything.
    """
    content_type, length = headers.get(b"content-type", b""), headers.get(b"content-length", b"")
    if content_type != b"application/json" and content_type.split(b";")[0].strip().lower() != b"application/json":
        raise RequestRefused(415, "UnsupportedMediaType", "the body's content type must be application/json")
    too_large = RequestRefused(413, "TooLarge", f"the body is larger than {MOST_BYTES} bytes; send fewer records")
    if len(length) > 6 and int(length) > MOST_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BYTES:
            raise too_large
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _headers_of(refused: RequestRefused, scope: Message) -> list[tuple[bytes, bytes]]:
    if refused.status == 405:
        return [_JSON, _NOSNIFF, (b"allow", _METHODS[scope["path"]].encode())]
    if refused.status in (429, 503):
        return [_JSON, _NOSNIFF, (b"retry-after", b"1")]
    return [_JSON, _NOSNIFF]


def _line(level: str, message: str, **fields: Any) -> str:
    return json.dumps({"level": level, "message": message, **fields})

"""AWS Lambda at the edge: a local server that speaks Invoke, and runs a handler as Lambda's runtime does."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


class FunctionServer:
    """Answers scripted replies first, then runs the handler; `events` are what it was given, `paths` where it was."""

    def __init__(self, handler: Callable[[Any], Any]) -> None:
        self._handler = handler
        self.script: list[Reply] = []
        self.events: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.most_bytes_of_an_answer = 6_291_556
        self.url = ""

    def reply(self, body: bytes) -> Reply:
        """What Lambda answers."""
        event = json.loads(body, parse_constant=_no_json)
        self.events.append(event)
        if self.script:
            return self.script.pop(0)
        answer = json.dumps(self._handler(event), ensure_ascii=False).encode()
        if len(answer) > self.most_bytes_of_an_answer:
            return failed("Function.ResponseSizeTooLarge", "the response is too large")
        return 200, {}, answer


def _no_json(word: str) -> Any:
    raise AssertionError(f"{word} is no JSON; Lambda would refuse the body")


def failed(kind: str, message: str = "its words") -> Reply:
    """The reply when the function raised an error."""
    body = {"errorType": kind, "errorMessage": message, "stackTrace": []}
    return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(body).encode()


def refused(status: int, code: str) -> Reply:
    """A reply of Lambda's own."""
    return status, {"x-amzn-ErrorType": code}, json.dumps({"Type": "User", "Message": "its words"}).encode()


@contextmanager
def running(handler: Callable[[Any], Any]) -> Iterator[FunctionServer]:
    """A server on a free port."""
    function = FunctionServer(handler)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            function.paths.append(self.path)
            status, headers, answer = function.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        function.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield function
        server.shutdown()
        thread.join()

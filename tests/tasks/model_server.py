"""SageMaker Runtime at the edge: a local server that speaks InvokeEndpoint, with a model that anyone can compute."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


class ModelServer:
    """Answers scripted replies first (seconds: after them), then predicts: distance / 1,000, but from 0 to 1.

    `calls` are the records of each call, `requests` the path and headers.
    """

    def __init__(self) -> None:
        self.script: list[Reply | float] = []
        self.calls: list[list[dict[str, Any]]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.variant = "ModelA"
        self.url = ""

    def reply(self, records: list[dict[str, Any]]) -> Reply:
        self.calls.append(records)
        scripted = self.script.pop(0) if self.script else 0.0
        if not isinstance(scripted, float):
            return scripted
        time.sleep(scripted)
        scores = [min(1.0, max(0.0, record["distance"] / 1000)) for record in records]
        return predictions(scores, self.variant)


def predictions(scores: Sequence[Any], variant: str = "ModelA") -> Reply:
    """The reply of a variant that is well."""
    body = {"modelVersion": "v1", "predictions": [{"score": score, "prediction": score >= 0.5} for score in scores]}
    return 200, {"x-Amzn-Invoked-Production-Variant": variant}, json.dumps(body).encode()


def error(status: int, code: str, **members: Any) -> Reply:
    """A reply as SageMaker Runtime makes it."""
    return status, {"x-amzn-ErrorType": code}, json.dumps({"Message": "its words", **members}).encode()


def model_error(status: int, message: str = "") -> Reply:
    """The reply when the container gave another status than 200."""
    return error(424, "ModelError", OriginalStatusCode=status, OriginalMessage=message)


def refused(*errors: tuple[int, str, str]) -> Reply:
    """The reply when the container found records bad: position, field and message of each."""
    entries = [{"record": record, "field": field, "message": message} for record, field, message in errors]
    return model_error(400, json.dumps({"error": "InvalidRecords", "message": "bad", "errors": entries}))


@contextmanager
def running() -> Iterator[ModelServer]:
    """A server on a free port."""
    model = ModelServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet: two would wait for each other's acknowledgement

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            model.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, headers, answer = model.reply(json.loads(body)["records"])
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)
                self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the caller lost patience

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        model.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()

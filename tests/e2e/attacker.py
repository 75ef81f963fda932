"""Who serves hostile pages: on an origin of his own, and under his name on the ports of others (DNS rebinding).

A name that was rebound leads a browser first to the attacker's server and then, with the same port, to this machine.
Here the attacker's server stays in between: it answers for its own paths and hands every byte else on, so that what
arrives at the other end is what a browser sends after the name was rebound.
"""

from __future__ import annotations

import json
import queue
import re
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ADDRESS = "127.0.0.2"
"""Of this machine, and not the one that is attacked, so that the same ports are free there."""

PAGE = Path(__file__).with_name("hostile.html")
FOREIGN, REBOUND = "evil.test", "rebound.test"


@dataclass
class Attacker:
    """What he wants to be sent, and what came of it."""

    requests: Sequence[Mapping[str, str]]
    plans: dict[str, Any] = field(default_factory=dict)
    reports: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)

    def answer(self, path: str, host: str, body: bytes) -> tuple[str, bytes]:
        """Answer a request for a path of his own: content type and body."""
        if path == "/hostile/plan":
            return "application/json", json.dumps({**self.plans[host], "requests": self.requests}).encode()
        if path == "/hostile/report":
            self.reports.put(json.loads(body))
            return "text/plain", b""
        return "text/html", PAGE.read_bytes()


@contextmanager
def attacking(ports: Sequence[int], bait: int, requests: Sequence[Mapping[str, str]]) -> Iterator[tuple[Attacker, str]]:
    """Serve a hostile page that attacks `ports` of 127.0.0.1, in three roles one after the other.

    It is a page of another site, then one of another port of this machine, then one whose name was rebound to the
    address of each port. The first two attack `bait` as well. Gives the attacker and the URL of the first page.
    """
    attacker = Attacker(requests)
    with ExitStack() as stack:
        own = stack.enter_context(_serving(attacker, "127.0.0.1", 0, None))
        other = stack.enter_context(_serving(attacker, ADDRESS, 0, None))
        for port in ports:
            stack.enter_context(_serving(attacker, ADDRESS, port, port))
        hosts = [f"{FOREIGN}:{other}", f"localhost:{own}", *(f"{REBOUND}:{port}" for port in ports)]
        for host, following in zip(hosts, [*hosts[1:], None], strict=True):
            targets = [f"http://{host}"] if host.startswith(REBOUND) else [_url(port) for port in (*ports, bait)]
            attacker.plans[host] = {"bases": targets, "next": following and f"http://{following}/hostile/page"}
        yield attacker, f"http://{hosts[0]}/hostile/page"


@contextmanager
def baiting() -> Iterator[tuple[int, set[str]]]:
    """Serve as an endpoint without any defence would: gives its port, and the ways by which pages reached it."""
    reached: set[str] = set()

    class Bait(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command != "OPTIONS":
                reached.update(parse_qs(urlsplit(self.path).query).get("by", []))
            self.send_response(200)
            for name, text in (
                ("Origin", self.headers.get("Origin", "*")),
                ("Methods", "GET, POST, PUT, DELETE"),
                ("Headers", self.headers.get("Access-Control-Request-Headers", "")),
                ("Credentials", "true"),
            ):
                self.send_header(f"Access-Control-Allow-{name}", text)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Bait) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], reached
        server.shutdown()


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@contextmanager
def _serving(attacker: Attacker, address: str, port: int, behind: int | None) -> Iterator[int]:
    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head, body = _request(self.request)
            path = head.split(b" ")[1].decode() if head.count(b" ") > 1 else ""
            if path.startswith("/hostile/"):
                host = re.search(rb"(?im)^host: *(\S+)", head)
                kind, answer = attacker.answer(path, host[1].decode() if host else "", body)
                self.request.sendall(
                    f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
                    + answer
                )
            elif behind and head:
                # One request a connection, so that each is looked at; nothing else of it is changed.
                head = re.sub(rb"(?im)^connection: *keep-alive", b"Connection: close", head)
                with socket.create_connection(("127.0.0.1", behind)) as server:
                    server.sendall(head + body)
                    while part := server.recv(65536):
                        self.request.sendall(part)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            pass  # a page that goes away

    with Server((address, port), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _request(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return b"", b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n", body

"""Clients that ask the same again and again, as quickly as they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil
import uvloop

HOST = "127.0.0.1"


class Load(NamedTuple):
    """What a server did: microseconds a request, by the clock and of its CPU; and what pings waited meanwhile (ms)."""

    elapsed: float
    cpu: float
    pings: list[float]


def load(
    port: int, server: psutil.Process, body: bytes, *, path: str, ping: str, connections: int, requests: int
) -> Load:
    """Send so many requests for predictions over so many connections, and a ping every 10 ms beside them.

    Raises
    ------
    RuntimeError
        If an answer is not 200.
    """
    return uvloop.run(_load(port, server, _post(path, body), ping, connections, requests))


async def _load(port: int, server: psutil.Process, text: bytes, ping: str, connections: int, requests: int) -> Load:
    loop = asyncio.get_running_loop()
    clients = [_Client(text, requests // connections, loop.create_future()) for _ in range(connections)]
    waits: list[float] = []
    pinging = asyncio.create_task(_ping(port, ping, waits))
    cpu, began = sum(_cpu_seconds(server)), time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, HOST, port)
    await asyncio.gather(*(client.done for client in clients))
    elapsed, cpu = time.perf_counter() - began, sum(_cpu_seconds(server)) - cpu
    pinging.cancel()
    asked = requests // connections * connections
    return Load(elapsed / asked * 1e6, cpu / asked * 1e6, [wait * 1e3 for wait in waits])


def _post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


class _Client(asyncio.Protocol):
    """A connection that sends a request as soon as the one before is answered."""

    def __init__(self, text: bytes, times: int, done: asyncio.Future[None]) -> None:
        self._text, self._left, self.done = text, times, done
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.write(self._text)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(f"the answer was {self._received[:200]!r}"))
            return
        self._received = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._text)
        else:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionError("the server closed the connection"))

    def _end(self, error: Exception | None) -> None:
        self._transport.close()
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


def _length(head: bytes) -> int:
    (length,) = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(length.partition(b":")[2])


async def _ping(port: int, path: str, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        while True:
            began = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
    finally:
        writer.close()


def _cpu_seconds(server: psutil.Process) -> Iterator[float]:
    for process in [server, *server.children(recursive=True)]:
        times = process.cpu_times()
        yield times.user + times.system

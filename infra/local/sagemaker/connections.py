"""HTTP/1.1 to one instance over connections that stay open, on the event loop."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from infra.local.sagemaker.errors import InstanceLostError

_READ_BYTES = 1 << 16
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What an instance answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """The connections to one instance. All but `close_soon` belongs to the event loop's thread.

    Parameters
    ----------
    port
        Of the instance.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def post(self, path: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Send a request and return the answer.

        A connection that the instance closed while it was idle is replaced.

        Raises
        ------
        InstanceLostError
            If nobody listens, or the connection ended before the answer was complete.
        """
        self._loop = asyncio.get_running_loop()
        headers = [("Host", f"{_HOST}:{self._port}"), ("Content-Length", str(len(body))), *headers]
        while self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(_ClosedWhileIdleError):
                return await self._exchange(connection, path, headers, body)
        return await self._exchange(await _connect(self._port), path, headers, body)

    def close_soon(self) -> None:
        """Close what is idle, from any thread; what is in use is closed when it is done."""
        self._closed = True
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and all its connections with it
                self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _exchange(
        self, connection: "_Connection", path: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        try:
            answer, reusable = await connection.exchange(path, headers, body)
        except BaseException:  # also when the caller gave up: what comes later must not answer another request
            connection.close()
            raise
        if reusable and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


class _ClosedWhileIdleError(InstanceLostError):
    """A connection that had served before ended without a byte of an answer."""


async def _connect(port: int) -> "_Connection":
    try:
        return _Connection(*await asyncio.open_connection(_HOST, port))
    except OSError as error:
        raise InstanceLostError(f"nobody listens on port {port}", in_work=False) from error


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)
        self._has_served = False

    async def exchange(self, path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection can be used again."""
        try:
            for event in (h11.Request(method="POST", target=path, headers=headers), h11.Data(body), h11.EndOfMessage()):
                self._writer.write(self._protocol.send(event) or b"")
            await self._writer.drain()
            answer = await self._receive()
        except (OSError, h11.RemoteProtocolError) as error:
            received = self._protocol.trailing_data[0] or self._protocol.their_state is not h11.SEND_RESPONSE
            if self._has_served and not received:
                raise _ClosedWhileIdleError("closed while idle", in_work=False) from error
            raise InstanceLostError(f"the connection ended: {error}", in_work=True) from error
        self._has_served = True
        if self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
            return answer, False
        self._protocol.start_next_cycle()
        return answer, True

    async def _receive(self) -> Answer:
        status, headers, body = 0, {}, []
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                self._protocol.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, headers, b"".join(body))
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionResetError("no answer came")

    def close(self) -> None:
        self._writer.close()

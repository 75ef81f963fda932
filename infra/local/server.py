"""Runs the embedded AWS: in the foreground for the command line, in a thread for tests."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import state
from infra.local.errors import AlreadyStartedError, PortTakenError, StartFailedError
from infra.local.gate import Gate, Message, Receive, Send

START_SECONDS = 60.0
STOP_SECONDS = 30.0
WATCH_SECONDS = 0.5

_started = threading.Event()


@dataclass(frozen=True)
class EmbeddedAws:
    """A running embedded AWS.

    Attributes
    ----------
    url
        Endpoint for any AWS client.
    pid
        Process that serves it.
    state_dir
        Where its state is kept; ``None`` when it is forgotten at the end.
    ended
        Set when it no longer serves.
    """

    url: str
    pid: int
    state_dir: Path | None
    ended: threading.Event


def serve(port: int, state_dir: Path | None, on_ready: Callable[[EmbeddedAws], None]) -> None:
    """Serve in the foreground until SIGINT, SIGTERM or, unless it is ignored (`nohup`), SIGHUP.

    Parameters
    ----------
    port
        0 picks a free one.
    state_dir
        Created if missing; ``None`` keeps nothing.
    on_ready
        Called once, when clients can be served.

    Raises
    ------
    PortTakenError, StateInUseError, StateDamagedError, EmulatorChangedError, StartFailedError
        See there; nothing is left running.
    """
    os.umask(0o077)  # objects, keys and code that are kept, and what functions and jobs write, are nobody else's
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    with start(port, state_dir) as aws:
        on_ready(aws)
        while not stop.wait(WATCH_SECONDS):
            if aws.ended.is_set():
                raise StartFailedError("the embedded AWS ended by itself; its log says why")


@contextlib.contextmanager
def start(port: int = 0, state_dir: Path | None = None) -> Iterator[EmbeddedAws]:
    """Serve from a thread of this process inside the block; state is saved and processes end with it.

    A process can do this once, because the emulator keeps its state in module globals.

    Parameters, Raises
    ------------------
    See `serve`.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen(port))
        directory = stack.enter_context(state.folder(state_dir))
        if _started.is_set():
            raise AlreadyStartedError
        _started.set()
        server = _Server(listener, directory, keep_state=state_dir is not None)
        stack.callback(server.stop)
        server.start()
        yield EmbeddedAws(server.url, os.getpid(), state_dir, server.ended)


class _Server:
    """The emulator behind an HTTP server that lives in a thread with its own event loop."""

    def __init__(self, listener: socket.socket, directory: Path, *, keep_state: bool) -> None:
        self._listener = listener
        self._directory = directory
        self._keep_state = keep_state
        self.ended = threading.Event()
        self._ready = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="embedded-aws", daemon=True)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise StartFailedError(f"the embedded AWS was not ready within {START_SECONDS:.0f} seconds")
        if self._error:
            raise self._error

    def stop(self) -> None:
        if self._loop and self._stopping and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # handed to the thread that waits in start()
            self._error = error
        finally:
            self.ended.set()
            self._ready.set()

    async def _serve(self) -> None:
        from hypercorn.asyncio import serve as hypercorn_serve
        from hypercorn.config import Config

        from infra.local.emulator import Emulator
        from infra.local.services import install

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        port = self._listener.getsockname()[1]
        emulator = Emulator(port, self._directory, keep_state=self._keep_state)
        install(emulator)
        config = Config()
        config.bind = [f"fd://{self._listener.detach()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 1
        config.errorlog = None
        saver = asyncio.create_task(_save_in_quiet_moments(emulator))
        try:
            await hypercorn_serve(
                Gate(_Front(emulator, self._ready.set), emulator.pages.permits, emulator.internal_paths.opens),  # type: ignore[arg-type]
                config,
                shutdown_trigger=self._stopping.wait,
            )
        finally:
            saver.cancel()


class _Front:
    """The emulator's application, with our start and end around its own."""

    def __init__(self, emulator: Any, on_ready: Callable[[], None]) -> None:
        self._emulator = emulator
        self._on_ready = on_ready

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if self._emulator.snapshots and scope["type"] == "http":
            self._emulator.snapshots.note_call(scope["method"])
        await self._emulator.app(scope, receive, send)

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        async def receive_after_our_stop() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self._emulator.stop)
            return message

        async def send_and_tell(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                if self._emulator.snapshots:
                    self._emulator.snapshots.take_over()
                self._on_ready()

        await self._emulator.app(scope, receive_after_our_stop, send_and_tell)


async def _save_in_quiet_moments(emulator: Any) -> None:
    while emulator.snapshots:
        await asyncio.sleep(1)
        await asyncio.to_thread(emulator.snapshots.save_when_quiet)


@contextlib.contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1024)
        except OSError as error:
            raise PortTakenError(port) from error
        listener.setblocking(False)
        yield listener

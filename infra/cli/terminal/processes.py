"""Processes that a command starts, and that never outlive it."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

SECONDS_TO_END = 30.0
"""How long a process may take to end by itself; the embedded AWS saves its state in this time."""

_IMPATIENCE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Children:
    """A block at whose end all processes that were started in it have ended, with those that they started.

    Each is the leader of a process group of its own. So Ctrl-C in a terminal reaches our process alone,
    and we decide in which order the others end: the last one started first.
    """

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._ending = False
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # An impatient second Ctrl-C, or a terminal that closes after the first, would leave behind what is being ended.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _IMPATIENCE}
        try:
            self.end_all()
            self._held.close()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        output: IO[str] | int,
        keep_stdin: bool = False,
    ) -> subprocess.Popen[str]:
        """Start a process.

        Parameters
        ----------
        command
            The program and its arguments.
        environment
            All its environment variables.
        cwd
            The folder it runs in.
        output
            Where its standard output and standard error go: a file, or `subprocess.PIPE`.
        keep_stdin
            Whether its standard input stays open as long as we live, so that it can notice our end.

        Raises
        ------
        InterruptedError
            If the block is at its end already.
        """
        with self._lock:
            if self._ending:
                raise InterruptedError(f"{command[0]} was not started, because everything is being stopped")
            child = subprocess.Popen(  # noqa: S603 - the commands are ours
                command,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.PIPE if keep_stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            self._started.append(child)
            return child

    def hold(self, resource: contextlib.AbstractContextManager[object]) -> None:
        """Keep something until all processes have ended, such as the lock on what they write."""
        self._held.enter_context(resource)

    def end_all(self) -> None:
        """End every process, gently at first."""
        with self._lock:
            self._ending = True
        for child in reversed(self._started):
            _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(SECONDS_TO_END)
    _kill_group(child.pid)
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _kill_group(group: int) -> None:
    """Kill what is left of a process group, and wait until it is gone."""
    for _ in range(50):
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.02)

"""A job's command as processes of this machine."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra.local.batch import container_init, memory

_READ_BYTES = 1 << 16


class JobProcess:
    """The processes of one attempt, in a session and a temporary working directory of their own.

    They end with the main process, with `kill`, and with this process, however that ends.

    Parameters
    ----------
    argv
        The command; its first word is looked up in the ``PATH`` of `environment`.
    environment
        The whole environment of the command; ``HOME`` and ``TMPDIR`` become the working directory.

    Side effects: starts a process. `wait` must be called.
    """

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        directory = tempfile.mkdtemp(prefix="ml-pipeline-job-")
        self._init = subprocess.Popen(  # noqa: S603  (the command is the job's)
            [sys.executable, "-I", "-S", container_init.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
        )
        self._directory = Path(directory)
        assert self._init.stdin is not None  # noqa: S101  (for the type checker)
        with contextlib.suppress(BrokenPipeError):  # killed already: its exit code says so
            own = {"HOME": directory, "TMPDIR": directory, "PWD": directory}
            self._init.stdin.write(container_init.encoded_order(argv, {**environment, **own}))
            self._init.stdin.flush()

    def read_output(self, on_output: Callable[[bytes], None], on_quiet: Callable[[], float | None]) -> None:
        """Read what the processes write, standard output and error in their order, until they have ended.

        Parameters
        ----------
        on_output
            Receives each piece as it comes.
        on_quiet
            Called after each piece and whenever the time ran out that it asked for: returns the seconds after
            which it wants to be called again even if nothing is written, or None.
        """
        assert self._init.stdout is not None  # noqa: S101  (for the type checker)
        output = self._init.stdout.fileno()
        poll = select.poll()  # select() cannot wait for descriptors beyond 1023
        poll.register(output, select.POLLIN)
        while True:
            seconds = on_quiet()
            if poll.poll(None if seconds is None else seconds * 1000):
                piece = os.read(output, _READ_BYTES)
                if not piece:
                    return
                on_output(piece)

    def wait(self) -> int:
        """Return the exit code, 128 + n if signal n ended the main process; the working directory is gone then."""
        code = self._init.wait()
        self.kill()
        if self._init.stdout:
            self._init.stdout.close()
        if self._directory.exists():  # the init process was killed itself, or could not
            shutil.rmtree(self._directory, ignore_errors=True)
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Send SIGTERM to the main process."""
        with contextlib.suppress(ProcessLookupError):
            self._init.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all processes at once."""
        if self._init.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._init.stdin.close()

    def exceeds(self, limit: int) -> bool:
        """Whether the processes use more than `limit` bytes of memory."""
        pid = self._init.pid
        return memory.memory_in_use(pid) > limit and memory.proportional_memory_in_use(pid) > limit

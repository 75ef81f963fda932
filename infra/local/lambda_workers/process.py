"""One worker process, seen from the server: an execution environment in Lambda's words."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.lambda_workers.bootstrap import LENGTH, MARKER, error_object
from tasks.aws_limits import LAMBDA_RESPONSE

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
INIT_SECONDS = 10.0
CHUNK = 1 << 16


@dataclass(frozen=True)
class Launch:
    """How to start a worker.

    Attributes
    ----------
    directory
        Where the function's code is unpacked.
    path
        What the handler can import from, in order.
    environment
        The process's whole environment.
    timeout
        Seconds that an invocation may take.
    """

    directory: Path
    path: tuple[Path, ...]
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True)
class Reply:
    """What came back from an invocation.

    Attributes
    ----------
    failed
        Whether `payload` is an error object.
    reusable
        Whether the worker can take another event.
    """

    payload: Any
    failed: bool
    log: str
    reusable: bool


class Lifeline:
    """A pipe whose reading end goes to every worker: they end when this process does, however it does."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def close(self) -> None:
        """Let go of the workers that are still there."""
        os.close(self._writer)
        os.close(self.reader)


class _WorkerEndedError(Exception):
    """The process closed its end."""


class Worker:
    """A process that has loaded (or failed to load) a handler.

    Parameters
    ----------
    launch
        See `Launch`.
    lifeline
        See `Lifeline`.
    """

    def __init__(self, launch: Launch, lifeline: Lifeline) -> None:
        self.started_at = self.used_at = time.monotonic()
        self.log_stream = launch.environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._launch = launch
        self._init_error: Any = None
        self._loaded = False
        self._ended = False
        self._log = bytearray()
        self._incoming = bytearray()
        requests, self._requests = os.pipe()
        self._responses, responses = os.pipe()
        self._output, output = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603  (our own bootstrap, with the server's interpreter)
            [sys.executable, "-S", "-P", str(BOOTSTRAP), str(requests), str(responses), str(lifeline.reader)],
            cwd=launch.directory,
            env={**launch.environment, "_ML_PIPELINE_PATH": os.pathsep.join(map(str, launch.path))},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(requests, responses, lifeline.reader),
            start_new_session=True,
        )
        for end in (requests, responses, output):
            os.close(end)
        self._poll = select.poll()
        self._poll.register(self._responses, select.POLLIN)
        self._poll.register(self._output, select.POLLIN)

    def invoke(self, event: Any, request_id: str, function_arn: str) -> Reply:
        """Hand an event to the handler and wait for its answer, its timeout or its end."""
        self.used_at = time.monotonic()
        try:
            if not self._loaded:
                self._wait_until_loaded()
            if self._init_error is not None:
                error = {**self._init_error, "requestId": request_id}
                return Reply(error, failed=True, log=self._take_log(), reusable=False)
            self._send(event, request_id, function_arn)
            status, payload = self._receive(time.monotonic() + self._launch.timeout)
            log = self._take_log(request_id)
        except TimeoutError:
            self.kill()
            message = f"RequestId: {request_id} Error: Task timed out after {self._launch.timeout:.2f} seconds"
            return self._lost("Sandbox.Timedout", message)
        except (_WorkerEndedError, BrokenPipeError):
            message = f"RequestId: {request_id} Error: {self._how_it_ended()}"
            return self._lost("Runtime.ExitError", message)
        self.used_at = time.monotonic()
        reusable = not self._ended
        if len(payload) > LAMBDA_RESPONSE.value:
            message = f"Response payload size exceeded maximum allowed payload size ({LAMBDA_RESPONSE.value} bytes)."
            return Reply(error_object(LAMBDA_RESPONSE.error, message), True, log, reusable)
        return Reply(json.loads(payload), status == "failed", log, reusable)

    def kill(self) -> None:
        """End the process and what it started, and wait for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End the process and free what the server holds for it."""
        self.kill()
        for end in (self._requests, self._responses, self._output):
            os.close(end)

    def _wait_until_loaded(self) -> None:
        status, payload = self._receive(self.started_at + max(INIT_SECONDS, self._launch.timeout))
        self._loaded = True
        if status == "failed":
            self._init_error = json.loads(payload)

    def _send(self, event: Any, request_id: str, function_arn: str) -> None:
        seconds = int(time.time())
        request = {
            "event": event,
            "request_id": request_id,
            "function_arn": function_arn,
            "deadline": time.time() + self._launch.timeout,
            "trace_id": f"Root=1-{seconds:08x}-{request_id.replace('-', '')[:24]};Sampled=0",
        }
        body = json.dumps(request).encode()
        unsent = memoryview(LENGTH.pack(len(body)) + body)
        while unsent:
            unsent = unsent[os.write(self._requests, unsent) :]

    def _receive(self, deadline: float) -> tuple[str, bytes]:
        while len(self._incoming) < LENGTH.size or len(self._incoming) < self._frame_end():
            self._read_some(deadline)
        end = self._frame_end()
        status, _, payload = bytes(self._incoming[LENGTH.size : end]).partition(b"\n")
        del self._incoming[:end]
        return str(json.loads(status)["status"]), payload

    def _frame_end(self) -> int:
        return LENGTH.size + int(LENGTH.unpack_from(self._incoming)[0])

    def _take_log(self, request_id: str = "") -> str:
        """Return what was written since the last call, with everything before the invocation's marker."""
        marker = f"{MARKER}{request_id}\n".encode()
        deadline = time.monotonic() + 1
        with contextlib.suppress(_WorkerEndedError, TimeoutError):  # a handler may have closed its output
            while request_id and marker not in self._log:
                self._read_some(deadline)
        text = bytes(self._log).replace(marker, b"")
        self._log.clear()
        return text.decode(errors="replace")

    def _read_some(self, deadline: float) -> None:
        """Read what is there from both pipes, waiting for it until `deadline`."""
        ready = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            raise TimeoutError
        ended = True
        for descriptor, _ in ready:
            chunk = os.read(descriptor, CHUNK)
            (self._incoming if descriptor == self._responses else self._log).extend(chunk)
            ended = ended and not chunk
        if ended:
            self._ended = True
            raise _WorkerEndedError

    def _lost(self, error_type: str, message: str) -> Reply:
        with contextlib.suppress(_WorkerEndedError, TimeoutError):
            while True:
                self._read_some(time.monotonic() + 0.05)
        error = {"errorType": error_type, "errorMessage": message}
        return Reply(error, failed=True, log=self._take_log() + message + "\n", reusable=False)

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if code == 0:
            return "Runtime exited without providing a reason"
        if code < 0:
            return f"Runtime exited with error: signal: {signal.strsignal(-code) or -code}".lower().replace(
                "runtime", "Runtime", 1
            )
        return f"Runtime exited with error: exit status {code}"

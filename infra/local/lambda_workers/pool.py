"""Executes Lambda functions in worker processes that stay warm."""

import datetime as dt
import hashlib
import json
import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.emulator import Credentials, Deployed, Outcome
from infra.local.errors import RoleNotAssumableError
from infra.local.lambda_workers.bootstrap import error_object
from infra.local.lambda_workers.packages import Packages
from infra.local.lambda_workers.process import Launch, Lifeline, Worker

CPUS = os.cpu_count() or 2
MAX_WORKERS = max(16, 8 * CPUS)
PATIENCE_SECONDS = 0.25
QUEUE_SECONDS = 60.0
IDLE_SECONDS = 300.0
RETIRE_SECONDS = 6 * 3600.0

AssumeRole = Callable[[str, str], Credentials]
"""Role ARN and session name -> credentials."""

Ship = Callable[[str, str, list[str]], None]
"""Writes lines to a log group's stream."""


class Pool:
    """Workers of all functions.

    A cold start costs the CPU time of the handler's imports, so beyond one worker per CPU a function gets another
    one only when none became free for `PATIENCE_SECONDS`: short invocations share few warm workers, long waits do
    not hold each other up. Beyond `MAX_WORKERS` altogether, idle workers of other functions give way, and
    invocations queue for up to `QUEUE_SECONDS` before they are throttled.

    Parameters
    ----------
    home
        Directory for unpacked packages.
    endpoint
        URL that the handlers' AWS clients use.
    assume
        Gives a function its role's credentials.
    ship
        Receives each invocation's log.
    """

    def __init__(self, home: Path, endpoint: str, assume: AssumeRole, ship: Ship) -> None:
        self._packages = Packages(home)
        self._endpoint = endpoint
        self._assume = assume
        self._ship = ship
        self._lifeline = Lifeline()
        self._changed = threading.Condition()
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._alive: dict[str, set[object]] = defaultdict(set)  # idle, busy, and a token for each that starts
        self._names: dict[str, str] = {}
        self._stopped = False

    def execute(self, function: Deployed, event: Any, request_id: str) -> Outcome:
        """Run the function on an event and wait for the outcome; safe to call from many threads."""
        config = function.config
        key = _key(function)
        started = time.monotonic()
        try:
            worker = self._lease(key, function)
        except RoleNotAssumableError as error:
            return Outcome(error_object("AccessDeniedException", str(error), request_id), failed=True)
        if worker is None:
            return Outcome(None, throttled=True)
        reusable = False
        try:
            reply = worker.invoke(event, request_id, str(config["FunctionArn"]))
            reusable = reply.reusable
        finally:
            self._give_back(key, worker, reusable)
        milliseconds = (time.monotonic() - started) * 1000
        lines = _lines(config, request_id, reply.log, milliseconds)
        self._ship(_log_group(config), worker.log_stream, lines)
        return Outcome(reply.payload, reply.failed, "".join(f"{line}\n" for line in lines))

    def forget(self, name: str) -> None:
        """End the workers of a function whose code or configuration changed; busy ones end after their event."""
        with self._changed:
            keys = [key for key, owner in self._names.items() if owner == name]
            doomed = [worker for key in keys for worker in self._idle.pop(key, [])]
            for key in keys:
                del self._names[key], self._alive[key]
            self._changed.notify_all()
        for worker in doomed:
            worker.close()

    def stop(self) -> None:
        """End all workers."""
        with self._changed:
            self._stopped = True
            doomed = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
            self._changed.notify_all()
        for worker in doomed:
            worker.close()
        self._lifeline.close()

    def _lease(self, key: str, function: Deployed) -> Worker | None:
        """Return a warm worker or a new one; ``None`` if there was none for `QUEUE_SECONDS`."""
        asked = time.monotonic()
        token = object()
        with self._changed:
            self._names[key] = str(function.config["FunctionName"])
            while not self._stopped:
                self._retire()
                if self._idle[key]:
                    return self._idle[key].pop()
                waited = time.monotonic() - asked
                if (len(self._alive[key]) < CPUS or waited >= PATIENCE_SECONDS) and self._make_room():
                    self._alive[key].add(token)
                    break
                if waited >= QUEUE_SECONDS:
                    return None
                self._changed.wait(PATIENCE_SECONDS)
            else:
                return None
        worker: Worker | None = None
        try:
            worker = Worker(self._launch(function), self._lifeline)
        finally:
            with self._changed:
                if token in self._alive[key]:
                    self._alive[key].remove(token)
                    self._alive[key].update({worker} - {None})
        return worker

    def _give_back(self, key: str, worker: Worker, reusable: bool) -> None:
        with self._changed:
            known = worker in self._alive[key] and not self._stopped
            keep = known and reusable and time.monotonic() - worker.started_at < RETIRE_SECONDS
            if keep:
                self._idle[key].append(worker)
            else:
                self._alive[key].discard(worker)
            self._changed.notify_all()
        if not keep:
            worker.close()

    def _make_room(self) -> bool:
        """Whether one more worker may start, ending the longest idle one if that is what it takes."""
        if sum(len(alive) for alive in self._alive.values()) < MAX_WORKERS:
            return True
        idle = [(worker.used_at, key, worker) for key, workers in self._idle.items() for worker in workers]
        if not idle:
            return False
        _, key, worker = min(idle, key=lambda entry: entry[0])
        self._end_idle(key, worker)
        return True

    def _retire(self) -> None:
        """End surplus workers that have been idle for long; a function's last one stays warm."""
        now = time.monotonic()
        for key, workers in self._idle.items():
            for worker in workers[1:]:
                if now - worker.used_at > IDLE_SECONDS:
                    self._end_idle(key, worker)

    def _end_idle(self, key: str, worker: Worker) -> None:
        self._idle[key].remove(worker)
        self._alive[key].discard(worker)
        worker.close()

    def _launch(self, function: Deployed) -> Launch:
        config = function.config
        code = self._packages.unpack([function.code])
        layers = function.layers()
        opt = self._packages.unpack(layers) if layers else None
        runtime = str(config["Runtime"])
        libraries = (opt / "python/lib" / runtime / "site-packages", opt / "python") if opt else ()
        return Launch(
            directory=code,
            path=(code, *libraries, self._packages.runtime),
            environment=self._environment(function, code, opt),
            timeout=float(config.get("Timeout", 3)),
        )

    def _environment(self, function: Deployed, code: Path, opt: Path | None) -> dict[str, str]:
        """Return the variables that AWS defines (developer guide, "Defined runtime environment variables")."""
        config = function.config
        _, _, _, region, _, _, name = str(config["FunctionArn"]).split(":")[:7]
        version = str(config.get("Version", "$LATEST"))
        own = (config.get("Environment") or {}).get("Variables") or {}
        role = self._assume(str(config["Role"]), name)
        return {
            "LANG": "en_US.UTF-8",
            "LD_LIBRARY_PATH": os.pathsep.join(str(root / "lib") for root in (code, opt) if root),
            "PATH": os.pathsep.join([*([f"{opt}/bin"] if opt else []), os.environ.get("PATH", os.defpath)]),
            "PYTHONIOENCODING": "utf-8",
            "TZ": ":UTC",
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
            **own,
            "_HANDLER": str(config["Handler"]),
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": _log_group(config),
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{dt.datetime.now(dt.UTC):%Y/%m/%d}/[{version}]{secrets.token_hex(16)}",
            "AWS_REGION": region,
            "LAMBDA_RUNTIME_DIR": str(self._packages.runtime),
            "LAMBDA_TASK_ROOT": str(code),
            **role.environment(),
        }


def _key(function: Deployed) -> str:
    """Return what makes two invocations share a worker: the same function with the same code and settings."""
    settings = {
        name: function.config.get(name)
        for name in ("CodeSha256", "Environment", "Handler", "Layers", "MemorySize", "Role", "Runtime", "Timeout")
    }
    arn = ":".join(str(function.config["FunctionArn"]).split(":")[:7])
    identity = json.dumps([arn, function.config.get("Version"), settings], sort_keys=True, default=str)
    return hashlib.sha256(identity.encode()).hexdigest()


def _log_group(config: Any) -> str:
    chosen = (config.get("LoggingConfig") or {}).get("LogGroup")
    return str(chosen or f"/aws/lambda/{config['FunctionName']}")


def _lines(config: Any, request_id: str, log: str, milliseconds: float) -> list[str]:
    billed = int(milliseconds) + 1
    return [
        f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}",
        *log.splitlines(),
        f"END RequestId: {request_id}",
        (
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: {billed} ms\t"
            f"Memory Size: {config.get('MemorySize', 128)} MB"
        ),
    ]

"""The pool of workers keeps to its limits and leaves no process behind."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.emulator import Credentials, Deployed
from infra.local.lambda_workers import pool as pool_module
from infra.local.lambda_workers.packages import UNUSED_SECONDS, Packages
from infra.local.lambda_workers.pool import Pool

from .conftest import zipped

CODE = zipped(app="import os, time\ndef handler(event, context):\n    time.sleep(event)\n    return os.getpid()")


def function(name: str) -> Deployed:
    config = {
        "FunctionName": name,
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Runtime": "python3.11",
        "Timeout": 30,
    }
    return Deployed(config, CODE, list)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(tmp_path, "http://127.0.0.1:1", lambda *_: Credentials("a", "b", "c", 0.0), lambda *_: None)
    yield made
    made.stop()


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def sleeping(pool: Pool, seconds: float, outcomes: list[Any]) -> threading.Thread:
    """Start an invocation that takes its time; return when its worker is there."""
    before = len(psutil.Process().children())
    thread = threading.Thread(target=lambda: outcomes.append(pool.execute(function("slow"), seconds, "1")))
    thread.start()
    assert eventually(lambda: len(psutil.Process().children()) > before)
    return thread


def test_idle_workers_of_other_functions_give_way(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_WORKERS", 1)
    first = pool.execute(function("first"), 0, "1").payload

    second = pool.execute(function("second"), 0, "2").payload

    assert psutil.pid_exists(second)
    assert not psutil.pid_exists(first)


def test_an_invocation_for_which_no_worker_becomes_free_is_throttled(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "MAX_WORKERS", 1)
    monkeypatch.setattr(pool_module, "QUEUE_SECONDS", 0.2)
    outcomes: list[Any] = []
    thread = sleeping(pool, 1.5, outcomes)

    assert pool.execute(function("quick"), 0, "2").throttled
    thread.join(10)
    assert not outcomes[0].failed


def test_a_stop_ends_invocations_that_still_run(tmp_path: Path) -> None:
    pool = Pool(tmp_path, "http://127.0.0.1:1", lambda *_: Credentials("a", "b", "c", 0.0), lambda *_: None)
    outcomes: list[Any] = []
    before = set(psutil.Process().children())
    thread = sleeping(pool, 20, outcomes)

    pool.stop()
    thread.join(10)

    assert not thread.is_alive()
    assert outcomes[0].payload["errorType"] == "Runtime.ExitError"
    assert set(psutil.Process().children()) <= before


def test_a_busy_worker_of_a_changed_function_ends_after_its_event(pool: Pool) -> None:
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(pool.execute(function("f"), 0.5, "1").payload))
    thread.start()
    time.sleep(0.2)

    pool.forget("f")
    thread.join(10)

    assert eventually(lambda: not psutil.pid_exists(pids[0]))
    assert pool.execute(function("f"), 0, "2").payload != pids[0]


def test_layers_are_unpacked_over_each_other_in_order_and_once(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    layers = [zipped(python__a="1", python__b="1"), zipped(python__b="2")]

    directory = packages.unpack(layers)

    assert [(directory / "python" / f"{name}.py").read_text() for name in "ab"] == ["1", "2"]
    assert packages.unpack(layers) == directory
    assert packages.unpack(layers[::-1]) != directory


def test_packages_that_were_not_used_for_a_week_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Packages(tmp_path).unpack([CODE])
    later = time.time() + UNUSED_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)

    Packages(tmp_path)

    assert not old.exists()

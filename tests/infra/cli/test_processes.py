from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from infra.cli.terminal import processes
from infra.cli.terminal.processes import Children

# Starts a process of its own, says that one's number, and waits.
PARENT = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def start(children: Children, code: str) -> tuple[subprocess.Popen[str], str]:
    child = children.start([sys.executable, "-c", code], environment=os.environ, cwd=Path.cwd(), output=subprocess.PIPE)
    assert child.stdout
    return child, child.stdout.readline().strip()


def is_gone(pid: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_process_and_its_own_ones_end_with_the_block() -> None:
    with Children() as children:
        child, grandchild = start(children, PARENT)

    assert child.returncode == -signal.SIGTERM
    assert is_gone(int(grandchild))


def test_they_end_when_the_block_fails() -> None:
    children = Children()
    child, _ = start(children, PARENT)

    def interrupted() -> None:
        with children:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert child.returncode is not None


def test_one_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SECONDS_TO_END", 0.1)

    with Children() as children:
        child, _ = start(children, STUBBORN)

    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_impatience_leaves_none_behind(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setattr(processes, "SECONDS_TO_END", 0.3)
    hurry = threading.Timer(0.1, os.kill, (os.getpid(), number))
    before = signal.signal(number, lambda *_: pytest.fail("the end was interrupted"))
    try:
        with Children() as children:
            child, _ = start(children, STUBBORN)
            hurry.start()
        hurry.join()
    finally:
        signal.signal(number, before)

    assert child.returncode == -signal.SIGKILL


def test_nothing_starts_once_all_is_being_ended() -> None:
    children = Children()
    children.end_all()

    with pytest.raises(InterruptedError):
        start(children, PARENT)


def test_an_open_standard_input_closes_with_us() -> None:
    with Children() as children:
        child = children.start(
            [sys.executable, "-c", "import sys; sys.stdin.read(); print('told')"],
            environment=os.environ,
            cwd=Path.cwd(),
            output=subprocess.PIPE,
            keep_stdin=True,
        )
        assert child.stdin
        assert child.stdout
        child.stdin.close()

        assert child.stdout.read() == "told\n"

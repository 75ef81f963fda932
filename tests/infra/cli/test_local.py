from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from infra.cli.local import clear
from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.target import HOME, LOCAL_FILE
from tests.infra.cli.conftest import Said

COMMAND = [sys.executable, "-m", "infra.cli.main", "local", "--port", "0", "--state", "state"]


@pytest.fixture
def running(home: Path) -> Iterator[subprocess.Popen[str]]:
    """An embedded AWS in the foreground of another process, ready for clients."""
    with subprocess.Popen(
        [*COMMAND, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert "ready at http://127.0.0.1:" in process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_it_serves_clients_says_where_and_leaves_nothing(
    running: subprocess.Popen[str], call: Callable[..., Said], end: signal.Signals
) -> None:
    where = json.loads(LOCAL_FILE.read_text())
    assert where["pid"] == running.pid
    assert [path.stat().st_mode & 0o077 for path in (HOME, LOCAL_FILE, Path("state"))] == [0, 0, 0]
    s3 = boto3.client(
        "s3", "us-east-1", endpoint_url=where["url"], aws_access_key_id="test", aws_secret_access_key="test"
    )
    s3.create_bucket(Bucket="anything")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["anything"]

    second = call("local", "--port", "0", "--state", "other")
    assert second.code == 3
    assert where["url"] in second.err

    running.send_signal(end)
    assert running.wait(30) == 0
    assert not LOCAL_FILE.exists()


def test_it_ends_when_whoever_started_it_ends(running: subprocess.Popen[str]) -> None:
    assert running.stdin
    running.stdin.close()

    assert running.wait(30) == 0
    assert not LOCAL_FILE.exists()


def test_a_taken_port_is_told_by_number(call: Callable[..., Said]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = subprocess.run(
            [*COMMAND[:4], "--port", port, "--state", "state"], capture_output=True, text=True, timeout=60, check=False
        )

    assert said.returncode == 3
    assert port in said.stderr
    assert "Traceback" not in said.stderr
    assert not LOCAL_FILE.exists()


def test_state_that_is_in_use_is_not_cleared(home: Path) -> None:
    state = home / "state"
    state.mkdir()
    (state / "data").write_text("precious")
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match="in use"):
            clear(state)

    assert (state / "data").exists()
    clear(state)
    assert not state.exists()


def test_the_example_does_not_touch_an_embedded_aws_that_runs(home: Path, call: Callable[..., Said]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        LOCAL_FILE.parent.mkdir()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        LOCAL_FILE.write_text(json.dumps({"url": url, "pid": os.getpid()}))

        said = call("example")

    assert said.code == 3
    assert url in said.err

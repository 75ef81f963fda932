from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from infra.cli.terminal.errors import RefusedError, UnavailableError
from infra.cli.terminal.target import LOCAL_FILE, Target, Where, find_target
from tests.infra.cli.conftest import FakeStates, Said


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def say_running(url: str, pid: int) -> None:
    LOCAL_FILE.parent.mkdir(exist_ok=True)
    LOCAL_FILE.write_text(json.dumps({"url": url, "pid": pid}))


def test_the_embedded_aws_that_runs_here_is_found(listening: str) -> None:
    say_running(listening, os.getpid())

    target = find_target(Where.LOCAL, "dev")

    assert target.endpoint_url == listening


def test_the_file_of_a_killed_one_does_not_count(listening: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    say_running(listening, ended.pid)

    with pytest.raises(UnavailableError, match="No embedded AWS"):
        find_target(Where.LOCAL, "dev")


def test_a_process_that_happens_to_have_its_number_does_not_count() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    say_running(closed, os.getpid())

    with pytest.raises(UnavailableError, match="No embedded AWS"):
        find_target(Where.LOCAL, "dev")


def test_an_account_is_never_reached_by_accident(call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-production")

    said = call("executions")

    assert said.code == 3
    assert "make local" in said.err


def test_an_endpoint_of_the_environment_comes_first(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    say_running(listening, os.getpid())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert find_target(Where.LOCAL, "dev").endpoint_url == "http://127.0.0.1:1"


def test_aws_itself_contradicts_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(RefusedError, match="AWS_ENDPOINT_URL"):
        find_target(Where.AWS, "dev")


def test_aws_itself_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")

    with pytest.raises(RefusedError, match="region"):
        find_target(Where.AWS, "dev")


def test_an_endpoint_that_does_not_answer_is_told_in_one_line(
    call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    said = call("run", "batch-inference")

    assert said.code == 3
    assert "http://127.0.0.1:1" in said.err
    assert "make local" in said.err
    assert "Traceback" not in said.err


def test_an_endpoint_that_goes_away_meanwhile_is_told_in_one_line(
    aws: FakeStates, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Target.client
    gone = boto3.client(
        "s3", "us-east-1", endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1})
    )
    monkeypatch.setattr(Target, "client", lambda target, name: gone if name == "s3" else real(target, name))

    said = call("run", "batch-inference")

    assert said.code == 3
    assert "make local" in said.err

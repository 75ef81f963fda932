"""Start, stop and kill of the embedded AWS, each in a process of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from infra.local.errors import PortTakenError, StateDamagedError
from infra.local.server import start
from infra.local.state import folder

from .conftest import policy, zipped

SERVE = """
import sys
from pathlib import Path
from infra.local.errors import LocalError
from infra.local.server import serve
try:
    serve(int(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None, lambda aws: print(aws.url, flush=True))
except LocalError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@contextlib.contextmanager
def serving(state: Path | str, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves; the URL is empty if it did not come up."""
    command = [sys.executable, "-c", SERVE, str(port), str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def client(url: str, service: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)


def sleeping_function(url: str) -> Any:
    """Deploy a function that sleeps when told to; return a Lambda client."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = client(url, "iam").create_role(RoleName="r", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    code = "import os, time\ndef handler(e, c):\n    time.sleep(e)\n    return os.getpid()"
    functions = client(url, "lambda")
    functions.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": zipped(app=code)},
        Timeout=60,
    )
    return functions


def invoke(functions: Any, seconds: float, **how: str) -> Any:
    answer = functions.invoke(FunctionName="f", Payload=json.dumps(seconds), **how)
    return json.loads(answer["Payload"].read() or b"null")


def test_everything_is_there_again_after_a_clean_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url):
        s3 = client(url, "s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="a/b", Body=b"x")
        client(url, "ssm").put_parameter(Name="/kept", Value="1", Type="String")
        functions = sleeping_function(url)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0

    with serving(tmp_path) as (_, url):
        assert client(url, "s3").get_object(Bucket="kept", Key="a/b")["Body"].read() == b"x"
        assert client(url, "ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "1"
        functions = client(url, "lambda")
        assert isinstance(invoke(functions, 0), int)


def test_a_stop_ends_the_workers_and_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving("") as (process, url):
        worker = invoke(sleeping_function(url), 0)
        assert psutil.pid_exists(worker)
        process.terminate()
        assert process.wait(30) == 0

    assert not psutil.pid_exists(worker)
    assert list(tmp_path.iterdir()) == []


def test_after_a_kill_workers_are_gone_and_the_next_start_works(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url):
        functions = sleeping_function(url)
        worker = invoke(functions, 0)
        invoke(functions, 60, InvocationType="Event")
        time.sleep(0.3)
        process.kill()
        process.wait()

    for _ in range(50):
        if not psutil.pid_exists(worker):
            break
        time.sleep(0.1)
    assert not psutil.pid_exists(worker)
    with serving(tmp_path) as (_, url):
        assert client(url, "sts").get_caller_identity()["Account"] == "000000000000"


def test_a_kill_loses_nothing_older_than_the_last_quiet_moment(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url):
        client(url, "ssm").put_parameter(Name="/kept", Value="1", Type="String")
        deadline = time.monotonic() + 20
        while not (tmp_path / "snapshot" / "ssm.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.kill()
        process.wait()

    with serving(tmp_path) as (_, url):
        assert client(url, "ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "1"


def test_state_that_is_in_use_is_refused_and_untouched(tmp_path: Path) -> None:
    with serving(tmp_path) as (first, url):
        with serving(tmp_path) as (second, nothing):
            assert nothing == ""
            assert second.wait(30) == 1
            assert second.stderr is not None
            message = second.stderr.read()
        assert message.startswith("StateInUseError")
        assert str(first.pid) in message
        assert client(url, "sts").get_caller_identity()


def test_nobody_else_reads_the_state_whatever_the_umask_and_its_modes_before(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "snapshot").mkdir(parents=True)
    for kept in ("lock", "snapshot/kept.json"):
        (state / kept).write_text("{}")
        (state / kept).chmod(0o666)
    before = os.umask(0)
    try:
        with serving(state) as (process, url):
            client(url, "s3").create_bucket(Bucket="kept")
            client(url, "s3").put_object(Bucket="kept", Key="k", Body=b"secret")
            process.terminate()
            assert process.wait(30) == 0
    finally:
        os.umask(before)

    everything = [path for path in (state, *state.rglob("*")) if not path.is_symlink()]
    assert state / "snapshot" / "s3.json" in everything
    assert [path for path in everything if path.stat().st_mode & 0o077] == []


def test_a_folder_that_holds_other_things_is_not_closed(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    tmp_path.chmod(0o755)

    with folder(tmp_path):
        assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("text", ["{", "[" * 100_000 + "]" * 100_000], ids=["cut off", "nested too deeply"])
def test_damaged_state_is_refused_by_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "s3.json").write_text(text)

    with serving(tmp_path) as (process, _):
        assert process.wait(30) == 1
        assert process.stderr is not None
        assert StateDamagedError.__name__ in (message := process.stderr.read())
        assert "s3.json" in message


def test_a_taken_port_is_refused_by_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=str(port)), start(port):
            pass


def test_it_listens_on_loopback_alone() -> None:
    with serving("") as (process, _):
        listening = [c.laddr.ip for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"]

    assert listening == ["127.0.0.1"]


def test_starting_leaves_the_environment_as_it_was() -> None:
    code = """
import os
from infra.local.server import start
before = dict(os.environ)
with start():
    pass
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0

"""Faults on the embedded AWS: killed processes, shards that fail for good, an emulator that goes away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import BIN, DEPLOYED, World, embedded_aws, without_aws
from tests.e2e.example_records import json_lines, parquet, records


def score_process(of: str) -> psutil.Process:
    """The first process that scores something of a run, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "batch_jobs" in command and "score" in command and any(of in part for part in command):
                return process
        time.sleep(0.02)
    raise AssertionError(f"no process ever scored a shard of {of}")


def without_times(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    own = ("createdAt", "expirationTime", "runId")
    return {key: {name: value for name, value in item.items() if name not in own} for key, item in items.items()}


def test_a_killed_score_process_is_tried_again_and_leaves_nothing_twice(world: World) -> None:
    source = world.upload("killed", {"large.parquet": parquet(20_000)})
    states = world.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=(
            f"arn:aws:states:us-east-1:000000000000:stateMachine:{DEPLOYED.state_machine('batch-inference')}:live"
        ),
        input=json.dumps({"runId": "killed", "input": source, "scorer": "container"}),
    )

    score_process("killed").send_signal(signal.SIGKILL)
    execution = world.wait(started["executionArn"])

    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    batch = world.client("batch")
    jobs = [
        job
        for status in ("SUCCEEDED", "FAILED")
        for job in batch.list_jobs(jobQueue=DEPLOYED.job_queue, jobStatus=status)["jobSummaryList"]
        if job["jobName"].startswith("killed-")
    ]
    attempts = batch.describe_jobs(jobs=[job["jobId"] for job in jobs])["jobs"][0]["attempts"]
    assert [attempt["container"]["exitCode"] for attempt in attempts] == [137, 0]
    rows = world.rows("killed")
    assert len(rows) == len({row["prediction_id"] for row in rows}) == 20_000
    assert len(world.items("killed/")) == 20_000


@pytest.fixture
def denied(world: World) -> Iterator[str]:
    """An object that the score function may not read: plans include it, its shard fails."""
    key = "denied/b.jsonl"
    bucket = DEPLOYED.bucket("data")
    before = world.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    function = world.client("lambda").get_function(FunctionName=DEPLOYED.function("score-shard"))
    policy = json.loads(before)
    policy["Statement"].append(
        {
            "Effect": "Deny",
            "Principal": {"AWS": function["Configuration"]["Role"]},
            "Action": "s3:GetObject*",
            "Resource": f"arn:aws:s3:::{bucket}/{key}",
        }
    )
    world.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    yield key
    world.s3.put_bucket_policy(Bucket=bucket, Policy=before)


def test_a_shard_that_fails_for_good_fails_the_run_and_a_replay_runs_it_alone(world: World, denied: str) -> None:
    files = {f"{name}.jsonl": json_lines(records(100, first=100 * at)) for at, name in enumerate("abcd")}
    source = world.upload("denied", files)

    failed = world.run("denied", source, concurrency=1)

    assert (failed["status"], failed["error"]) == ("FAILED", "ShardsFailed")
    assert denied in failed["cause"]
    assert "AccessRefused" in failed["cause"]
    before = world.objects("runs/denied/markers/")
    refused = world.cli("replay", "no-such-execution", check=False)
    assert refused.returncode != 0

    world.s3.put_bucket_policy(Bucket=DEPLOYED.bucket("data"), Policy=policy_without_denials(world))
    world.cli("replay", failed["executionArn"], "--wait")

    after = world.objects("runs/denied/markers/")
    assert {key: after[key] for key in before} == before, "a shard that had succeeded was scored again"
    assert len(after) == 4
    assert world.wait(failed["executionArn"])["status"] == "SUCCEEDED"
    replayed, replayed_items = world.results("denied"), without_times(world.items("denied/"))
    clean = world.run("denied-clean", source)
    assert clean["status"] == "SUCCEEDED", clean.get("cause")
    assert world.results("denied-clean") == replayed
    assert without_times(world.items("denied/")) == replayed_items
    again = world.cli("replay", failed["executionArn"], check=False)
    assert again.returncode != 0, "a success was replayed"
    assert "SUCCEEDED" in again.stderr or "succeeded" in again.stderr


def policy_without_denials(world: World) -> str:
    policy = json.loads(world.s3.get_bucket_policy(Bucket=DEPLOYED.bucket("data"))["Policy"])
    policy["Statement"] = [
        statement
        for statement in policy["Statement"]
        if statement["Action"] not in ("s3:GetObject*", ["s3:GetObject*"])
    ]
    return json.dumps(policy)


def test_a_replay_of_a_time_window_takes_all_that_failed_in_it(world: World) -> None:
    for name in ("window-1", "window-2"):
        world.run(name, f"s3://{DEPLOYED.bucket('data')}/{name}/")
        world.upload(name, {"a.jsonl": json_lines(records(2))})

    listed = json.loads(world.cli("executions", "--failed", "--json").stdout)
    world.cli("replay", "--failed-since", "1h", "--wait", "--json", check=False)

    assert len(listed) >= 2
    assert len(world.rows("window-1")) == len(world.rows("window-2")) == 2


@pytest.fixture
def changed_workflow(world: World) -> Iterator[Callable[[], None]]:
    """A deployment of batch inference whose definition differs, in a word, from the one before; undone at the end."""
    states = world.client("stepfunctions")
    machine = f"arn:aws:states:us-east-1:000000000000:stateMachine:{DEPLOYED.state_machine('batch-inference')}"
    before = states.describe_state_machine(stateMachineArn=machine)["definition"]

    def deploy(definition: str) -> None:
        version = states.update_state_machine(stateMachineArn=machine, definition=definition, publish=True)
        states.update_state_machine_alias(
            stateMachineAliasArn=f"{machine}:live",
            routingConfiguration=[{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}],
        )

    yield lambda: deploy(json.dumps({**json.loads(before), "Comment": "Another one"}))
    deploy(before)


def test_a_failure_of_another_definition_is_replayed_as_a_new_execution_of_the_same_run(
    world: World, changed_workflow: Callable[[], None]
) -> None:
    failed = world.run("changed", f"s3://{DEPLOYED.bucket('data')}/changed/")
    world.upload("changed", {"a.jsonl": json_lines(records(3))})
    changed_workflow()

    world.cli("replay", failed["executionArn"], "--wait")

    assert world.wait(failed["executionArn"])["status"] == "FAILED", (
        "an execution cannot be redriven by another definition"
    )
    assert len(world.rows("changed")) == 3
    listed = json.loads(world.cli("executions", "--json").stdout)
    replays = {execution["execution"]: execution["replayOf"] for execution in listed}
    assert replays[f"{failed['name']}-replay-1"] == failed["name"]


def test_a_taken_port_is_named(world: World, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = subprocess.run(
            [str(BIN / "ml-pipeline"), "local", "--port", str(port), "--state", str(tmp_path / "state")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 3
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_emulator_is_told_clearly_and_the_next_one_starts_from_the_same_folder(tmp_path: Path) -> None:
    with embedded_aws(tmp_path) as url:
        pid = json.loads((tmp_path / ".ml-pipeline" / "local.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
    told = subprocess.run(
        [str(BIN / "ml-pipeline"), "executions"],
        cwd=tmp_path,
        env={**without_aws(os.environ), "AWS_ENDPOINT_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    with embedded_aws(tmp_path) as again:
        assert again != url

    assert told.returncode == 3
    assert "cannot be reached" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / ".ml-pipeline" / "local.json").exists()

"""What a deployment changes and what it leaves alone, told on an embedded AWS of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.naming import SECTIONS
from tests.e2e.conftest import DEPLOYED, World, served_again
from tests.e2e.example_records import json_lines, records

ROOT = Path(__file__).parents[2]
MACHINE = f"arn:aws:states:us-east-1:000000000000:stateMachine:{DEPLOYED.state_machine('batch-inference')}"
ACTIVITY = "arn:aws:states:us-east-1:000000000000:activity:hold"
#: What the changed workflow does instead of waiting for the crawler: it waits for the test.
HOLD = f'Task("Await crawler", resource="{ACTIVITY}", result_path=None, timeout_seconds=600)'


@pytest.fixture(scope="module")
def aside(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What the main job left, served where nobody else looks: here stacks may come and go."""
    with served_again(example, tmp_path_factory.mktemp("aside")) as world:
        yield world


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree in which the workflow waits until somebody lets it go on."""
    copy = source_tree(tmp_path_factory.mktemp("changed"))
    source = copy / "workflows" / "batch_inference.py"
    before = source.read_text()
    after = before.replace('Wait("Await crawler", seconds=SECONDS_BETWEEN_CRAWL_CHECKS)', HOLD)
    assert after != before
    source.write_text(after)
    run_from(copy, copy, "-m", "workflows.render")
    return copy


def source_tree(copy: Path) -> Path:
    """Copy what a deployment is made of, for a test to change it; what takes long to make is shared."""
    unwanted = shutil.ignore_patterns("node_modules", "cdk.out", "__pycache__", ".ml-pipeline")
    for room in ("workflows", "tasks", "batch_jobs", "infra"):
        shutil.copytree(ROOT / room, copy / room, ignore=unwanted)
    shutil.copy(ROOT / ".dockerignore", copy)
    for shared in ("infra/node_modules", "build"):
        (copy / shared).symlink_to(ROOT / shared)
    return copy


def run_from(source: Path, folder: Path, *arguments: str, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(world: World, command: str) -> str:
    """Run a command of the README as it stands there."""
    assert f"\n{command}\n" in (ROOT / "README.md").read_text()
    done = subprocess.run(
        shlex.split(command), cwd=ROOT, env=world.environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def updated(world: World) -> dict[str, datetime]:
    """When each stack was last changed."""
    stacks = world.client("cloudformation").describe_stacks()["Stacks"]
    return {
        stack["StackName"]: stack.get("LastUpdatedTime", stack["CreationTime"])
        for stack in stacks
        if stack["StackName"].startswith("ml-pipeline-")
    }


def live_version(world: World) -> str:
    alias = world.client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=f"{MACHINE}:live")
    (route,) = alias["routingConfiguration"]
    return str(route["stateMachineVersionArn"])


def start(world: World, run_id: str, source: str) -> str:
    request = json.dumps({"runId": run_id, "input": source})
    started = world.client("stepfunctions").start_execution(stateMachineArn=f"{MACHINE}:live", input=request)
    return str(started["executionArn"])


@pytest.fixture(scope="module")
def during_a_run(aside: World, changed: Path) -> dict[str, Any]:
    """A changed workflow is deployed, a run of it starts, and while it waits the original is deployed again."""
    states = aside.client("stepfunctions")
    states.create_activity(name="hold")
    at_first, stacks_before = live_version(aside), updated(aside)
    run_from(changed, aside.folder, "-m", "infra.cli.main", "deploy-workflows", **aside.environment)
    second, stacks_after = live_version(aside), updated(aside)
    source = aside.upload("during", {"a.jsonl": json_lines(records(20))})
    running = start(aside, "during", source)
    held = states.get_activity_task(activityArn=ACTIVITY)
    make(aside, "make render")
    make(aside, "make deploy-workflows TARGET=local")
    third = live_version(aside)
    status = states.describe_execution(executionArn=running)["status"]
    states.send_task_success(taskToken=held["taskToken"], output="{}")
    ended = aside.wait(running)
    return {
        "versions": [at_first, second, third],
        "changed_stacks": {name for name, time_ in stacks_after.items() if time_ != stacks_before[name]},
        "status": status,
        "ended": ended,
    }


def test_deploying_the_workflows_publishes_a_version_and_touches_no_other_stack(during_a_run: dict[str, Any]) -> None:
    assert len(set(during_a_run["versions"])) == 3
    assert during_a_run["changed_stacks"] == {DEPLOYED.stack("workflows")}


def test_a_running_execution_keeps_the_version_with_which_it_began(during_a_run: dict[str, Any]) -> None:
    _, second, _ = during_a_run["versions"]
    ended = during_a_run["ended"]

    assert during_a_run["status"] == "RUNNING", "while the next version was deployed"
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert ended["stateMachineVersionArn"] == second


def test_the_next_scheduled_run_is_of_the_new_version(aside: World, during_a_run: dict[str, Any]) -> None:
    _, _, third = during_a_run["versions"]
    scheduler, states = aside.client("scheduler"), aside.client("stepfunctions")
    place = {"Name": DEPLOYED.schedule("batch-inference", "daily"), "GroupName": DEPLOYED.schedule_group}
    schedule = scheduler.get_schedule(**place)
    known = {each["executionArn"] for each in states.list_executions(stateMachineArn=MACHINE)["executions"]}

    soon = datetime.now(UTC) + timedelta(seconds=4)
    ended_day = f"input/daily/{soon - timedelta(days=1):%Y-%m-%d}"
    aside.upload(ended_day, {"a.jsonl": json_lines(records(10, first=500))})
    scheduler.update_schedule(
        **place,
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        State="ENABLED",
        FlexibleTimeWindow=schedule["FlexibleTimeWindow"],
        Target=schedule["Target"],
    )

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        now = {each["executionArn"] for each in states.list_executions(stateMachineArn=MACHINE)["executions"]}
        if now - known:
            break
        time.sleep(0.5)
    (scheduled,) = now - known
    ended = aside.wait(scheduled)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert ended["stateMachineVersionArn"] == third
    assert json.loads(ended["output"])["rows"] == 10


def test_a_deployment_without_a_change_changes_nothing(aside: World, during_a_run: dict[str, Any]) -> None:
    before = updated(aside)

    seen = make(aside, "make diff TARGET=local")
    make(aside, "make deploy TARGET=local")

    assert "stacks with differences: 0" in seen
    assert updated(aside) == before
    assert live_version(aside) == during_a_run["versions"][2]


def test_destroying_keeps_the_data_until_it_is_named(aside: World, during_a_run: dict[str, Any]) -> None:
    assert during_a_run["ended"]["status"] == "SUCCEEDED"
    rows = len(aside.rows("during"))
    refused = aside.cli("destroy", check=False)
    assert refused.returncode == 2, "destroyed without being asked twice"
    assert set(updated(aside)) == {DEPLOYED.stack(section) for section in SECTIONS}

    aside.cli("destroy", "--yes")

    assert set(updated(aside)) == {DEPLOYED.stack("storage")}
    assert len(aside.rows("during")) == rows == 20
    assert len(aside.items("during/")) == 20

    aside.cli("destroy", "--yes", "--delete-data")

    assert updated(aside) == {}
    assert not [b for b in aside.s3.list_buckets()["Buckets"] if b["Name"].startswith("ml-pipeline-")]
    assert DEPLOYED.table not in aside.client("dynamodb").list_tables()["TableNames"]
    parameters = aside.client("ssm").describe_parameters()["Parameters"]
    assert not [each for each in parameters if each["Name"].startswith("/ml-pipeline/")]
    aside.cli("destroy", "--yes", "--delete-data")

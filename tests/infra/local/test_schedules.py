"""Schedules start the workflow that they name, as the role that they name."""

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

import pytest

from infra.local.emulator import schedules
from infra.local.emulator.schedules import TICK_SECONDS

from .conftest import may, policy
from .stack_world import Stack, Template, refusal
from .test_server import client as server_client
from .test_server import serving

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def start(alias: str) -> dict[str, Any]:
    return may("StartExecution", alias)


def due(seconds: int = 0) -> str:
    return f"at({dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


@pytest.fixture
def alias(client: Any, role: Any, name: str) -> str:
    states = client("stepfunctions")
    machine = states.create_state_machine(
        name=name, definition=json.dumps(PASS), roleArn=role("states.amazonaws.com"), publish=True
    )
    route = {"stateMachineVersionArn": machine["stateMachineVersionArn"], "weight": 100}
    return str(states.create_state_machine_alias(name="live", routingConfiguration=[route])["stateMachineAliasArn"])


def resources(name: str, target: str, role: str, **properties: Any) -> Template:
    body = {
        "Name": name,
        "GroupName": {"Ref": "Group"},
        "ScheduleExpression": due(),
        "ScheduleExpressionTimezone": "Etc/UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {
            "Arn": target,
            "RoleArn": role,
            "Input": '{"runId": "scheduled", "scheduledTime": "<aws.scheduler.scheduled-time>"}',
            "RetryPolicy": {"MaximumRetryAttempts": "3"},
        },
        **properties,
    }
    return {
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": name}},
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": body},
    }


def executions(client: Any, alias: str, patience: float = 10.0) -> list[dict[str, Any]]:
    states, deadline = client("stepfunctions"), time.monotonic() + patience
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        found = states.list_executions(stateMachineArn=alias.rpartition(":")[0])["executions"]
        time.sleep(0.1)
    return [states.describe_execution(executionArn=execution["executionArn"]) for execution in found]


def test_a_schedule_starts_the_alias_with_its_input(
    stack: Stack, client: Any, role: Any, alias: str, name: str
) -> None:
    stack(resources(name, alias, role("scheduler.amazonaws.com", start(alias))))

    (execution,) = executions(client, alias)
    started = json.loads(execution["input"])
    assert started["runId"] == "scheduled"
    assert abs(dt.datetime.fromisoformat(started["scheduledTime"]) - execution["startDate"]) < dt.timedelta(seconds=5)
    assert execution["stateMachineAliasArn"] == alias


def test_the_time_that_a_schedule_tells_is_the_one_for_which_it_was_made_not_that_of_the_call(
    stack: Stack, client: Any, role: Any, alias: str, name: str
) -> None:
    asked = due()
    stack(resources(name, alias, role("scheduler.amazonaws.com", start(alias)), ScheduleExpression=asked))

    (execution,) = executions(client, alias)
    assert f"at({json.loads(execution['input'])['scheduledTime']})" == asked.replace(")", "Z)")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("at(2026-01-02T03:04:05)", "2026-01-02T03:04:05"),
        ("cron(5 * * * ? *)", "2026-11-23T06:05:00"),
        ("rate(1 hour)", "2026-11-23T06:05:01"),
    ],
)
def test_a_call_a_second_late_tells_the_minute_of_its_cron(
    monkeypatch: pytest.MonkeyPatch, expression: str, told: str
) -> None:
    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Clock":
            return cls(2026, 11, 23, 6, 5, 1, tzinfo=tz)

    monkeypatch.setattr(schedules, "datetime", Clock)

    assert f"{schedules._due(expression):%Y-%m-%dT%H:%M:%S}" == told


@pytest.mark.parametrize("properties", [{"State": "DISABLED"}, {"ScheduleExpression": "cron(0 6 1 1 ? 2199)"}])
def test_a_schedule_that_is_disabled_or_not_due_starts_nothing(
    stack: Stack, client: Any, role: Any, alias: str, name: str, properties: dict[str, Any]
) -> None:
    stack(resources(name, alias, role("scheduler.amazonaws.com", start(alias)), **properties))

    assert executions(client, alias, patience=3) == []


@pytest.mark.parametrize("allowed", ["another alias", "the alias's own ARN, which Step Functions does not look at"])
def test_a_schedule_whose_role_may_not_start_the_workflow_does_not(
    stack: Stack, client: Any, role: Any, alias: str, name: str, caplog: pytest.LogCaptureFixture, allowed: str
) -> None:
    pretended = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": alias}
    statement = start(f"{alias}-other") if allowed == "another alias" else pretended
    stack(resources(name, alias, role("scheduler.amazonaws.com", statement)))

    assert executions(client, alias, patience=3) == []
    assert f"schedule/{name}/{name} did not start {alias}" in caplog.text


def test_a_schedule_is_updated_in_place_and_goes_with_its_stack(
    stack: Stack, client: Any, role: Any, alias: str, name: str
) -> None:
    arn = role("scheduler.amazonaws.com", start(alias))
    ids = stack(resources(name, alias, arn, State="DISABLED", Description="before"))
    again = stack(resources(name, alias, arn, State="DISABLED", ScheduleExpression="rate(2 days)"))

    schedule = client("scheduler").get_schedule(Name=name, GroupName=name)
    assert again == ids
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == ("rate(2 days)", "Etc/UTC")
    assert (schedule["State"], schedule["Description"]) == ("DISABLED", "")
    assert schedule["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 3}


def test_after_a_restart_only_what_is_due_starts(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(state) as (process, url):
        alias, arn = workflow(url)
        for name, expression in (("fresh", "rate(1 hour)"), ("overdue", "rate(1 hour)"), ("once", due())):
            server_client(url, "scheduler").create_schedule(
                Name=name,
                ScheduleExpression=expression,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": alias, "RoleArn": arn, "Input": json.dumps(name)},
            )
        assert started(url, alias, {"once"}) == ["once"]
        process.terminate()
        assert process.wait(30) == 0
    two_days_later(state / "snapshot", fresh=60, overdue=2 * 3600)

    with serving(state) as (_, url):
        started(url, alias, {"once", "overdue"})
        time.sleep(2 * TICK_SECONDS)
        assert started(url, alias, {"once", "overdue"}) == ["once", "overdue"]


def workflow(url: str) -> tuple[str, str]:
    """Return the ARNs of an alias and of a role that everything may assume, and that may do everything."""
    services = {"Service": ["states.amazonaws.com", "scheduler.amazonaws.com"]}
    trust = policy({"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"})
    arn = str(server_client(url, "iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    may = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    server_client(url, "iam").put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=may)
    states = server_client(url, "stepfunctions")
    machine = states.create_state_machine(name="m", definition=json.dumps(PASS), roleArn=arn, publish=True)
    route = {"stateMachineVersionArn": machine["stateMachineVersionArn"], "weight": 100}
    alias = states.create_state_machine_alias(name="live", routingConfiguration=[route])["stateMachineAliasArn"]
    return str(alias), arn


def started(url: str, alias: str, expected: set[str]) -> list[str]:
    """Return the inputs of an alias's executions, when `expected` are among them or after a while."""
    states, deadline = server_client(url, "stepfunctions"), time.monotonic() + 10
    found: list[str] = []
    while not expected <= set(found) and time.monotonic() < deadline:
        time.sleep(0.1)
        executions = states.list_executions(stateMachineArn=alias)["executions"]
        described = [states.describe_execution(executionArn=each["executionArn"]) for each in executions]
        found = sorted(json.loads(each["input"]) for each in described)
    return found


def two_days_later(snapshot: Path, **seconds_ago: int) -> None:
    """Make schedules two days older, and due last some seconds ago."""
    kept = snapshot / "scheduler.json"
    schedules = json.loads(kept.read_text())
    for record in schedules["payload"]["schedules"]["data"].values():
        record["CreationDate"] -= 2 * 86400
    kept.write_text(json.dumps(schedules))
    kept = snapshot / "schedules-last-fired.json"
    fired = json.loads(kept.read_text())
    for entry in fired["payload"]:
        entry[-1] = time.time() - seconds_ago.get(entry[-2].rpartition("/")[2], 0)
    kept.write_text(json.dumps(fired))


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"ScheduleExpressionTimezone": "Europe/Berlin"}, "ScheduleExpressionTimezone other than UTC"),
        ({"Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": "r"}}, "Target.Arn other than"),
    ],
)
def test_what_would_start_at_another_time_or_as_nobody_is_refused(
    client: Any, name: str, properties: dict[str, Any], named: str
) -> None:
    assert named in refusal(client, name, resources(name, "arn:aws:states:us-east-1:0:x", "r", **properties))

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.infra.cli.conftest import FakeStates, Said, state_machine, write_run


def test_a_failed_execution_is_redriven(aws: FakeStates, call: Callable[..., Said]) -> None:
    write_run("nightly")
    aws.add("nightly", "FAILED")

    said = call("replay", "nightly", "--json")

    assert said.code == 0
    assert aws.redriven == ["nightly"]
    assert aws.started == []
    assert [(each["how"], each["status"]) for each in said.json()] == [("redrive", "SUCCEEDED")]


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING"])
def test_what_did_not_fail_is_refused(aws: FakeStates, call: Callable[..., Said], status: str) -> None:
    aws.add("nightly", status)

    said = call("replay", "nightly")

    assert said.code == 2
    assert status in said.err
    assert not aws.redriven
    assert not aws.started


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING"])
def test_what_a_replay_has_taken_care_of_is_refused(aws: FakeStates, call: Callable[..., Said], status: str) -> None:
    aws.add("nightly", "FAILED", ended=timedelta(hours=3))
    aws.add("nightly-replay-1", status)

    said = call("replay", "nightly")

    assert said.code == 2
    assert "nightly-replay-1" in said.err
    assert not aws.redriven


def test_a_definition_that_changed_since_means_a_new_execution(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("nightly", "FAILED", request={"shardRows": 5_000}, definition=json.dumps({"StartAt": "Old"}))

    said = call("replay", "nightly", "--no-wait", "--json")

    assert aws.redriven == []
    assert aws.started == ["nightly-replay-1"]
    (new,) = [each for each in aws.executions.values() if each["name"] == "nightly-replay-1"]
    assert json.loads(new["input"]) == {"shardRows": 5_000, "runId": "nightly"}
    (told,) = said.json()
    assert told["replayOf"] == "nightly"
    assert "definition" in told["because"]


def test_what_step_functions_does_not_redrive_is_started_anew(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("old", "FAILED", redriveStatus="NOT_REDRIVABLE", redriveStatusReason="It is older than 14 days")
    aws.add("much", "FAILED", refuseRedrive="It was redriven 1000 times")

    for name, reason in (("old", "14 days"), ("much", "1000 times")):
        (told,) = call("replay", name, "--no-wait", "--json").json()
        assert reason in told["because"]

    assert aws.started == ["old-replay-1", "much-replay-1"]


def test_a_replay_that_failed_is_followed_by_the_next_number(aws: FakeStates, call: Callable[..., Said]) -> None:
    stale = {"redriveStatus": "NOT_REDRIVABLE"}
    aws.add("nightly", "FAILED", ended=timedelta(hours=3), **stale)
    aws.add("nightly-replay-1", "FAILED", request={"runId": "nightly"}, **stale)

    call("replay", "nightly-replay-1", "--no-wait")

    assert aws.started == ["nightly-replay-2"]
    (new,) = [each for each in aws.executions.values() if each["name"] == "nightly-replay-2"]
    assert json.loads(new["input"])["runId"] == "nightly"


def test_all_that_failed_in_the_window_is_replayed_once(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("too-old", "FAILED", ended=timedelta(hours=25))
    aws.add("fine", "SUCCEEDED")
    aws.add("broken", "FAILED")
    aws.add("slow", "TIMED_OUT")
    aws.add("cared-for", "FAILED", ended=timedelta(hours=3))
    aws.add("cared-for-replay-1", "SUCCEEDED")
    aws.add("twice", "FAILED", ended=timedelta(hours=3))
    aws.add("twice-replay-1", "FAILED")

    said = call("replay", "--failed-since", "24h", "--no-wait", "--json")

    assert said.code == 0
    assert {each["replayOf"] for each in said.json()} == {"broken", "slow", "twice-replay-1"}
    assert set(aws.redriven) == {"broken", "slow", "twice-replay-1"}


def test_when_one_cannot_be_replayed_it_is_told_which_were(
    aws: FakeStates, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add("first", "FAILED", ended=timedelta(hours=1))
    aws.add("second", "FAILED", ended=timedelta(hours=2))
    redrive = aws.redrive_execution

    def only_the_first(executionArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if executionArn.endswith("second"):
            raise ClientError({"Error": {"Code": "ExecutionLimitExceeded", "Message": "too many"}}, "RedriveExecution")
        return redrive(executionArn)

    monkeypatch.setattr(aws, "redrive_execution", only_the_first)

    said = call("replay", "--failed-since", "24h")

    assert (said.code, aws.redriven) == (1, ["first"])
    assert "redriven      first" in said.out
    assert "too many" in said.err


def test_nothing_to_replay_is_no_failure(aws: FakeStates, call: Callable[..., Said]) -> None:
    said = call("replay", "--failed-since", "24h")

    assert said.code == 0
    assert "Nothing to replay" in said.out


def test_a_replay_that_fails_again_ends_with_failure(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("nightly", "FAILED", redriveStatus="NOT_REDRIVABLE")
    aws.on_start = lambda execution: execution.update(
        status="FAILED", error="ShardsFailed", cause="shard 00003: no model"
    )

    said = call("replay", "nightly")

    assert said.code == 1
    assert "shard 00003: no model" in said.err


def test_an_execution_that_does_not_exist_is_refused(aws: FakeStates, call: Callable[..., Said]) -> None:
    said = call("replay", "no-such-thing")

    assert said.code == 2
    assert "no-such-thing" in said.err


@pytest.mark.parametrize("words", [(), ("nightly", "--failed-since", "24h")])
def test_it_must_be_said_what_to_replay(aws: FakeStates, call: Callable[..., Said], words: tuple[str, ...]) -> None:
    assert call("replay", *words).code == 2


def test_a_scheduled_failure_that_is_started_anew_is_the_same_run(aws: FakeStates, call: Callable[..., Said]) -> None:
    """Left out of its id, the schedule's time would make another run of it, which scores everything again."""
    scheduled = {"schedule": "hourly", "scheduledTime": "2026-11-23T06:05:00Z"}
    aws.add("0e7c5c4f", "FAILED", request=scheduled, definition=json.dumps({"StartAt": "Old"}))

    call("replay", "0e7c5c4f", "--no-wait")

    (anew,) = (each for each in aws.executions.values() if each["name"] == "0e7c5c4f-replay-1")
    assert json.loads(anew["input"]) == {**scheduled, "runId": "hourly-20261123T060500Z"}


def test_what_failed_is_not_served_again_unless_it_is_named(
    aws: FakeStates, call: Callable[..., Said], workflows: None
) -> None:
    deploy = state_machine("model-deploy")
    aws.add("nightly", "FAILED")
    aws.add("deploy-v2", "FAILED", machine=deploy, request={"version": "v2"})

    replayed = call("replay", "--failed-since", "24h", "--no-wait", "--json").json()
    assert [each["replayOf"] for each in replayed] == ["nightly"]

    assert call("replay", "deploy-v2", "--json").json()[0]["status"] == "SUCCEEDED"
    assert aws.redriven == ["nightly", "deploy-v2"]


def test_a_deployment_is_started_anew_with_its_own_input(
    aws: FakeStates, call: Callable[..., Said], workflows: None
) -> None:
    aws.add("deploy-v2", "FAILED", machine=state_machine("model-deploy"), request={"version": "v2"}, refuseRedrive="no")

    call("replay", "deploy-v2", "--no-wait")

    (anew,) = (each for each in aws.executions.values() if each["name"] == "deploy-v2-replay-1")
    assert json.loads(anew["input"]) == {"version": "v2"}

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from infra.cli.executions import LONGEST_NAME, replay_name
from tests.infra.cli.conftest import FakeStates, Said


def test_the_latest_execution_comes_first(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("older", "SUCCEEDED", ended=timedelta(hours=5))
    aws.add("newer", "FAILED", ended=timedelta(hours=2))

    listed = call("executions", "--json").json()

    assert [each["execution"] for each in listed] == ["newer", "older"]
    assert listed[0]["status"] == "FAILED"
    assert listed[0]["seconds"] == 30.0


def test_failed_means_every_end_without_success(aws: FakeStates, call: Callable[..., Said]) -> None:
    for status in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "RUNNING"):
        aws.add(status.lower(), status)

    listed = call("executions", "--failed", "--json").json()

    assert {each["execution"] for each in listed} == {"failed", "timed_out", "aborted"}


def test_a_time_window_keeps_what_ended_in_it_or_still_runs(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("long-ago", "FAILED", ended=timedelta(hours=25))
    aws.add("recent", "FAILED", ended=timedelta(hours=23))
    aws.add("running", "RUNNING", ended=timedelta(hours=30))

    listed = call("executions", "--since", "24h", "--json").json()

    assert {each["execution"] for each in listed} == {"recent", "running"}


def test_a_replay_names_what_it_replays(aws: FakeStates, call: Callable[..., Said]) -> None:
    aws.add("nightly", "FAILED", ended=timedelta(hours=2))
    aws.add("nightly-replay-1", "SUCCEEDED")
    aws.add("other-replay-1", "SUCCEEDED")

    listed = {each["execution"]: each["replayOf"] for each in call("executions", "--json").json()}

    assert listed == {"nightly-replay-1": "nightly", "other-replay-1": None, "nightly": None}
    assert "nightly-replay-1" in call("executions").out


def test_a_replay_of_a_long_name_is_still_linked(aws: FakeStates, call: Callable[..., Said]) -> None:
    long = "n" * LONGEST_NAME
    aws.add(long, "FAILED", ended=timedelta(hours=2))
    aws.add(replay_name(long, 1), "SUCCEEDED")

    listed = {each["execution"]: each["replayOf"] for each in call("executions", "--json").json()}

    assert listed[replay_name(long, 1)] == long


@given(st.text("abc-", min_size=1, max_size=LONGEST_NAME), st.integers(1, 9_999))
def test_a_replays_name_fits_and_tells_its_number(origin: str, number: int) -> None:
    name = replay_name(origin, number)

    assert len(name) <= LONGEST_NAME
    assert name.endswith(f"-replay-{number}")


def test_an_unknown_workflow_is_refused_with_the_known_ones(aws: FakeStates, call: Callable[..., Said]) -> None:
    said = call("executions", "--workflow", "batch-inferense")

    assert said.code == 2
    assert "batch-inferense" in said.err
    assert "batch-inference" in said.err


def test_a_bad_duration_is_refused_with_an_example(aws: FakeStates, call: Callable[..., Said]) -> None:
    said = call("executions", "--since", "yesterday")

    assert said.code == 2
    assert "24h" in said.err

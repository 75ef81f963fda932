from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra.cli.conftest import NAMES, FakeStates, Said, put, write_run


def test_a_run_ends_with_its_numbers_and_its_report(aws: FakeStates, call: Callable[..., Said], home: Path) -> None:
    written = write_run("july")

    said = call("run", "batch-inference", "--run-id", "july", "--json")

    assert said.code == 0
    summary = said.json()
    assert summary["rows"] == written.rows
    assert summary["predictions"] == written.predictions
    assert summary["quarantined"] == sum(written.reasons.values())
    assert summary["reasons"] == written.reasons
    assert summary["stages"] == {"Plan shards": 2.0}
    assert summary["work"] == {"read": 1.5, "predict": 4.5}
    assert summary["results"] == f"s3://{NAMES.bucket('results')}/predictions/day=2026-11-23/run_id=july/"
    assert Path(summary["report"]) == Path(".ml-pipeline/runs/july/report.html")
    assert Path(summary["report"]).exists()


def test_people_read_the_same_numbers(aws: FakeStates, call: Callable[..., Said]) -> None:
    written = write_run("july")

    said = call("run", "batch-inference", "--run-id", "july", "--no-report")

    assert f"{written.rows:,}" in said.out
    assert f"{written.predictions:,}" in said.out
    assert "temp is NaN" in said.out
    assert "Plan shards" in said.out
    assert "s3://" in said.out


def test_a_scheduled_run_tells_its_period_and_what_it_was_warned_of(aws: FakeStates, call: Callable[..., Said]) -> None:
    run_id = "hourly-20261123T060500Z"
    request = {"runId": run_id, "day": "2026-11-23", "period": "2026-11-23T05"}
    summary = {"lateObjects": 2, "warnings": ["there was nothing to score below s3://b/[05]/"]}
    put("results", f"runs/{run_id}/request.json", json.dumps({"request": request}).encode())
    put("results", f"runs/{run_id}/summary.json", json.dumps(summary).encode())
    asked = json.dumps({"schedule": "hourly", "scheduledTime": "2026-11-23T06:05:00Z"})

    people = call("run", "batch-inference", "--input", asked, "--no-report").out
    aws.executions.clear()
    script = call("run", "batch-inference", "--input", asked, "--no-report", "--json").json()

    assert f"run {run_id}" in people
    assert "2026-11-23T05 (UTC), and 2 late objects" in people
    assert "warning     there was nothing to score below s3://b/[05]/" in people
    assert (script["runId"], script["period"], script["lateObjects"]) == (run_id, "2026-11-23T05", 2)
    assert script["warnings"] == summary["warnings"]


def test_progress_stays_out_of_the_way_of_scripts(aws: FakeStates, call: Callable[..., Said]) -> None:
    write_run("july")

    said = call("run", "batch-inference", "--run-id", "july", "--no-report", "--json")

    json.loads(said.out)
    assert "small 2/2" in said.err
    assert "large 1/1" in said.err
    assert "1,200 of 1,200 rows" in said.err


def test_failed_shards_show_in_the_progress(aws: FakeStates, call: Callable[..., Said]) -> None:
    write_run("july", unfinished=1)
    aws.map_runs = {"small": 2}

    assert "small 1/2 (1 failed)" in call("run", "batch-inference", "--run-id", "july", "--no-report").out


def test_a_failed_run_ends_with_its_cause_and_what_to_do(aws: FakeStates, call: Callable[..., Said]) -> None:
    lambda_cause = json.dumps({"errorMessage": "2 of 9 shards failed: 00003 (s3://b/k): no space", "errorType": "E"})
    aws.on_start = lambda execution: execution.update(status="FAILED", error="ShardsFailed", cause=lambda_cause)

    said = call("run", "batch-inference", "--run-id", "july")

    assert said.code == 1
    assert "ShardsFailed: 2 of 9 shards failed: 00003 (s3://b/k): no space" in said.err
    assert "errorMessage" not in said.err
    assert "ml-pipeline replay made-up-name" in said.err
    assert "Traceback" not in said.err


def test_without_waiting_it_returns_the_execution(aws: FakeStates, call: Callable[..., Said]) -> None:
    said = call("run", "batch_inference", "--no-wait", "--json")

    assert said.json()["execution"] in aws.executions


def test_the_input_may_come_from_a_file(aws: FakeStates, call: Callable[..., Said], home: Path) -> None:
    (home / "request.json").write_text('{"concurrency": 2}')

    call("run", "batch-inference", "--input", "@request.json", "--run-id", "july", "--no-wait")

    (execution,) = aws.executions.values()
    assert json.loads(execution["input"]) == {"concurrency": 2, "runId": "july"}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("batch-inferense",), "batch-inference"),
        (("batch-inference", "--input", "{oops"), "not JSON"),
        (("batch-inference", "--input", "[]"), "[]"),
        (("batch-inference", "--input", "@nowhere.json"), "nowhere.json"),
        (("batch-inference", "--input", '{"runId": "a"}', "--run-id", "b"), "'a'"),
        (("batch-inference", "--input", json.dumps({"a": "x" * (256 * 1024)})), "262,153 bytes as JSON"),
        (("traffic-shift", "--input", json.dumps({"a": "\u00e9" * (128 * 1024)})), "262,153 bytes as JSON"),
    ],
)
def test_bad_requests_are_refused_before_anything_starts(
    aws: FakeStates, call: Callable[..., Said], words: tuple[str, ...], named: str
) -> None:
    said = call("run", *words)

    assert said.code == 2
    assert named in said.err
    assert not aws.executions


def test_letters_beyond_ascii_take_no_more_of_the_inputs_limit_than_their_bytes(
    aws: FakeStates, call: Callable[..., Said], workflows: None
) -> None:
    letters = "\u00e9" * 100_000  # as ASCII, with an escape each, they would be 600,000 bytes

    call("run", "model_rollback", "--input", json.dumps({"version": letters}), "--no-wait")

    (execution,) = aws.executions.values()
    assert json.loads(execution["input"]) == {"version": letters}


def test_a_workflow_that_is_no_run_gets_its_input_as_it_is(
    aws: FakeStates, call: Callable[..., Said], workflows: None
) -> None:
    said = call("run", "model_rollback", "--input", '{"version": "v1"}', "--run-id", "back-to-v1", "--json")

    (execution,) = aws.executions.values()
    assert json.loads(execution["input"]) == {"version": "v1"}
    assert execution["name"] == "back-to-v1"
    assert said.json()["status"] == "SUCCEEDED"
    assert "rows" not in said.json()


def test_a_failed_deployment_ends_with_its_cause(aws: FakeStates, call: Callable[..., Said], workflows: None) -> None:
    aws.on_start = lambda execution: execution.update(status="FAILED", error="SmokeTestFailed", cause="record 3")

    said = call("run", "model-deploy", "--run-id", "ship-it")

    assert said.code == 1
    assert "model-deploy ship-it failed: SmokeTestFailed: record 3" in said.err
    assert "rows" not in said.out

"""The functions one after the other, as the workflow calls them."""

import json

import pytest

from tasks.errors import InvalidRunRequest
from tasks.handlers import check_shards, halt_run, normalise_run, plan_shards, score_shard, summarise_run
from tests.tasks.conftest import CONTEXT, GOOD, metrics_in

EXECUTION = {"id": "arn", "name": "run-1", "startTime": "2026-11-23T01:02:03.123Z"}


@pytest.fixture
def functions(world, monkeypatch):
    monkeypatch.setattr("tasks.scoring.item_store.shared_sender", lambda: world.send)
    score_shard._model.cache_clear()
    return world


def test_a_run_through_all_functions(functions, json_lines, capsys):
    world = functions
    world.upload("input/a.jsonl", json_lines(GOOD, GOOD | {"origin": "SFO"}))
    world.upload("input/b.csv", b"distance,wind,origin\n300,5,JFK\n")

    run = normalise_run.handler({"input": {}, "execution": EXECUTION}, CONTEXT)["run"]
    plan = plan_shards.handler({"run": run}, CONTEXT)["plan"]
    body = world.results(plan["small"]["key"]) or b""
    scored = [score_shard.handler({"run": run, "shard": json.loads(line)}, CONTEXT) for line in body.splitlines()]
    capsys.readouterr()
    check = check_shards.handler({"run": run, "plan": plan, "lanes": [{"lane": "small"}, {"lane": "large"}]}, CONTEXT)
    summary = summarise_run.handler({"run": run, "plan": plan, "check": check}, CONTEXT)["summary"]

    assert plan["shards"] == plan["small"]["shards"] == 2
    assert [(shard["shardId"], shard["rows"], shard["quarantined"]) for shard in scored] == [
        ("00000", 2, 1),
        ("00001", 1, 0),
    ]
    assert check["verdict"] == "complete"
    assert (summary["rows"], summary["predictions"], summary["quarantined"]) == (3, 2, 1)
    assert len(world.items()) == 2
    assert json.loads(json.dumps(summary)) == summary
    emf = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert {entry["_aws"]["CloudWatchMetrics"][0]["Namespace"] for entry in emf} == {"ml-pipeline"}


@pytest.mark.parametrize("files", [0, 1])
def test_a_scheduled_run_without_input_is_counted_for_its_schedule(functions, json_lines, capsys, files):
    asked = {"schedule": "daily", "scheduledTime": "2026-11-23T06:00:00Z", "input": "s3://data/{date}/"}
    for number in range(files):
        functions.upload(f"2026-11-22/{number}.jsonl", json_lines(GOOD))

    run = normalise_run.handler({"input": asked, "execution": EXECUTION}, CONTEXT)["run"]
    plan = plan_shards.handler({"run": run}, CONTEXT)["plan"]
    check = {"verdict": "tolerated", "failed": files, "failedShards": []}
    summary = summarise_run.handler({"run": run, "plan": plan, "check": check}, CONTEXT)["summary"]

    assert (plan["period"], summary["period"], summary["rows"]) == ("2026-11-22", "2026-11-22", 0)
    counted = [each for each in metrics_in(capsys.readouterr().out) if "RunsWithoutInput" in each]
    assert counted == [{"schedule": "daily", "RunsWithoutInput": [1.0]}][files:]


def test_an_error_reaches_the_workflow_under_its_own_name(functions):
    with pytest.raises(InvalidRunRequest):
        normalise_run.handler({"input": {"typo": 1}, "execution": EXECUTION}, CONTEXT)
    failure = {"Error": "InvalidRunRequest", "Cause": "'typo' is not a key"}
    with pytest.raises(Exception, match="'typo' is not a key") as halted:
        halt_run.handler({"failure": failure, "failedAtRedrive": 0, "redriveCount": 0}, CONTEXT)
    assert type(halted.value).__name__ == "InvalidRunRequest"


def test_a_redriven_halt_returns(functions):
    assert halt_run.handler({"failure": {}, "failedAtRedrive": 0, "redriveCount": 1}, CONTEXT) == {}

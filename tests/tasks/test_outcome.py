"""The verdict of a run, its summary, and how it halts."""

from dataclasses import replace

import orjson
import pytest

from tasks.errors import PlanMissing
from tasks.runs.halting import halt
from tasks.runs.layout import RunFolder
from tasks.runs.planning import plan_shards
from tasks.runs.served_versions import ServedVersions
from tasks.runs.summary import summarise
from tasks.runs.verdict import judge, reason_of
from tests.tasks.conftest import GOOD, RUN

FOLDER = RunFolder.of(RUN, "results")
LANES = [{"lane": "small", "mapRunArn": "arn"}, {"lane": "large"}]


@pytest.fixture
def half_scored(world, json_lines):
    """Four small shards, of which two are scored."""
    for name in "abcd":
        world.upload(f"input/{name}.jsonl", json_lines(GOOD, GOOD | {"origin": "SFO"}))
    shards = plan_shards(RUN, FOLDER, world.storage, ServedVersions("")).shards
    for shard in shards[:2]:
        world.score(shard)
    return shards


def child_failed(world, shard, cause, name="FAILED_0.json", folder="small/uuid-1"):
    child = {
        "Input": orjson.dumps({"run": RUN.to_json(), "shard": shard.to_json()}).decode(),
        "Error": "UnreadableObject",
        "Cause": cause,
        "Status": "FAILED",
    }
    key = f"runs/nightly/map-results/{folder}/{name}"
    world.storage.write_json(FOLDER.markers._replace(key=key), [child])


def test_a_run_is_complete_when_every_shard_has_its_marker(world, half_scored):
    for shard in half_scored:
        world.score(shard)

    assert judge(RUN, FOLDER, world.storage, LANES).to_state() == {
        "verdict": "complete",
        "failed": 0,
        "failedShards": [],
        "cause": "",
    }


def test_a_lane_that_claims_success_is_not_believed_without_markers(world, half_scored):
    verdict = judge(RUN, FOLDER, world.storage, LANES)

    assert verdict.verdict == "failed"
    assert [shard.shard_id for shard in verdict.failed] == ["00002", "00003"]


def test_a_marker_whose_results_were_changed_does_not_count(world, half_scored):
    world.storage.write(FOLDER.predictions("00000"), b"something else")

    assert judge(RUN, FOLDER, world.storage, LANES).failed[0].shard_id == "00000"


@pytest.mark.parametrize(("tolerated", "verdict"), [(49.9, "failed"), (50, "tolerated")])
def test_failures_are_tolerated_up_to_the_percentage_of_the_lane(world, half_scored, tolerated, verdict):
    run = replace(RUN, tolerated_failure_percentage=tolerated)

    assert judge(run, FOLDER, world.storage, LANES).verdict == verdict


def test_the_cause_names_the_shards_with_the_newest_reason_of_each(world, half_scored, monkeypatch):
    lambda_cause = orjson.dumps({"errorType": "UnreadableObject", "errorMessage": "is damaged"}).decode()
    child_failed(world, half_scored[2], "an old reason", folder="small/uuid-0")
    import time

    time.sleep(1.01)  # S3 keeps times in seconds
    child_failed(world, half_scored[2], lambda_cause)
    lanes = [{"lane": "small", "error": {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "2 failed"}}]

    verdict = judge(RUN, FOLDER, world.storage, lanes)

    assert verdict.cause == (
        "2 of 4 shards failed (tolerated: 0 % of a lane); "
        "00002 (s3://data/input/c.jsonl): UnreadableObject: is damaged; "
        "00003 (s3://data/input/d.jsonl): States.ExceedToleratedFailureThreshold: 2 failed"
    )
    assert verdict.to_state()["failedShards"][0] == {
        "shard": "00002",
        "source": "s3://data/input/c.jsonl",
        "reason": "UnreadableObject: is damaged",
    }


def test_a_job_s_own_words_are_the_reason(world, half_scored):
    world.storage.write_json(FOLDER.failure("00003"), {"error": "InputChanged", "message": "was replaced"})

    assert judge(RUN, FOLDER, world.storage, LANES).reasons["00003"] == "InputChanged: was replaced"


def test_the_listed_shards_have_their_jobs_own_words_however_many_failed(world, json_lines):
    for number in range(12):
        world.upload(f"input/{number:02d}.jsonl", json_lines(GOOD))
    for number, shard in enumerate(plan_shards(RUN, FOLDER, world.storage, ServedVersions("")).shards):
        child_failed(world, shard, "the job exited with 65", name=f"FAILED_{number}.json")
        world.storage.write_json(FOLDER.failure(shard.shard_id), {"error": "InputChanged", "message": "was replaced"})

    listed = judge(RUN, FOLDER, world.storage, LANES).to_state()["failedShards"]

    assert [shard["reason"] for shard in listed] == ["InputChanged: was replaced"] * 10


@pytest.mark.parametrize("step", [lambda *of: judge(*of, LANES), lambda *of: summarise(*of, {})])
def test_a_run_whose_manifest_is_gone_is_not_complete(world, half_scored, step):
    world.storage.delete(FOLDER.manifest("all"))

    with pytest.raises(PlanMissing, match="run nightly is not at"):
        step(RUN, FOLDER, world.storage)


def test_a_cause_stays_short(world, json_lines):
    for number in range(30):
        world.upload(f"input/{'long-name-' * 10}{number}.jsonl", json_lines(GOOD))
    plan_shards(RUN, FOLDER, world.storage, ServedVersions(""))

    verdict = judge(RUN, FOLDER, world.storage, LANES)

    assert len(verdict.cause) <= 1_000
    assert verdict.cause.startswith("30 of 30 shards failed")
    assert len(verdict.to_state()["failedShards"]) == 10


def test_a_batch_job_s_cause_becomes_its_exit_code():
    job = {"JobId": "j-1", "StatusReason": "Essential container exited", "Container": {"ExitCode": 74}, "Attempts": []}
    failure = {"Error": "States.TaskFailed", "Cause": orjson.dumps(job).decode()}

    assert reason_of(failure) == "States.TaskFailed: job j-1: Essential container exited (exit code 74)"


def test_the_summary_adds_up_the_markers(world, half_scored):
    check = judge(RUN, FOLDER, world.storage, LANES).to_state()

    summary = summarise(RUN, FOLDER, world.storage, check)

    assert summary == world.storage.read_json(FOLDER.summary)
    assert summary["shards"] == {"planned": 4, "finished": 2, "failed": 2, "small": 4, "large": 0}
    assert (summary["rows"], summary["predictions"], summary["quarantined"]) == (4, 2, 2)
    assert summary["reasons"] == {"unknown category": 2}
    assert sum(summary["histogram"]) == 2
    assert summary["results"]["predictions"] == "s3://results/predictions/day=2026-11-23/run_id=nightly/"
    assert "read" in summary["stages"]


def test_the_summary_of_nothing_says_where_it_was_looked_for(world):
    run = replace(RUN, schedule="hourly", scheduled_time="2026-11-23T06:05:00Z", period="2026-11-23T05")
    run = replace(run, input_pattern="s3://data/input/{hour}/{date}/", input="s3://data/input/05/", late_periods=2)
    plan_shards(run, FOLDER, world.storage, ServedVersions(""))

    summary = summarise(run, FOLDER, world.storage, {"verdict": "complete", "failed": 0, "failedShards": []})

    assert summary == world.storage.read_json(FOLDER.summary)
    assert (summary["rows"], summary["predictions"], summary["lateObjects"]) == (0, 0, 0)
    assert summary["period"] == "2026-11-23T05"
    assert summary["histogram"] == []
    assert summary["warnings"] == [
        "there was nothing to score below s3://data/input/05/, nor anything late below the 2 folders before it"
    ]


def test_a_run_without_finished_shards_can_be_summarised(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))
    plan_shards(RUN, FOLDER, world.storage, ServedVersions(""))

    assert summarise(RUN, FOLDER, world.storage, {"verdict": "tolerated", "failed": 1, "failedShards": []})["rows"] == 0


def test_a_failed_run_halts_under_the_name_of_its_error():
    cause = orjson.dumps({"errorType": "NoInputFound", "errorMessage": "there is no bucket x"}).decode()

    with pytest.raises(Exception, match=r"^there is no bucket x$") as failure:
        halt({"Error": "NoInputFound", "Cause": cause}, failed_at_redrive=0, redrive_count=0)
    assert type(failure.value).__name__ == "NoInputFound"


def test_a_failure_without_a_name_is_run_failed():
    with pytest.raises(Exception, match="why") as failure:
        halt({"Cause": "why"}, failed_at_redrive=2, redrive_count=2)
    assert type(failure.value).__name__ == "RunFailed"


def test_after_a_redrive_the_run_begins_again():
    halt({"Error": "ShardsFailed", "Cause": ""}, failed_at_redrive=0, redrive_count=1)

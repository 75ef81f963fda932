"""Runs of batch inference on the embedded AWS: what they leave behind, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import DEPLOYED, World
from tests.e2e.example_records import csv_text, gzipped, json_lines, parquet, records

THIRTY_DAYS = 30 * 24 * 3600


@pytest.fixture(scope="module")
def mixed(world: World) -> tuple[str, dict[str, Any]]:
    """A run over every format, with a shard for the job's lane."""
    source = world.upload(
        "mixed",
        {
            "a.jsonl": json_lines(records(300)),
            "b.jsonl.gz": gzipped(json_lines(records(200, first=300))),
            "c.csv": csv_text(records(250, first=500)),
            "d.csv.gz": gzipped(csv_text(records(150, first=750))),
            "e.parquet": parquet(400, first=900),
            "large.parquet": parquet(12_000, first=2_000),
        },
    )
    return source, world.run("mixed", source, smallShardRows=1_000, shardRows=6_000)


def test_every_row_becomes_one_prediction_and_one_item(world: World, mixed: tuple[str, dict[str, Any]]) -> None:
    _, execution = mixed
    assert execution["status"] == "SUCCEEDED", execution.get("cause")

    rows = world.rows("mixed")
    items = world.items("mixed/")

    assert len(rows) == 13_300
    assert {row["prediction_id"] for row in rows} == set(items)
    for row in rows[::1_000]:
        item = items[row["prediction_id"]]
        assert float(item["score"]["N"]) == row["score"]
        assert item["runId"]["S"] == "mixed"
        assert int(item["expirationTime"]["N"]) - int(item["createdAt"]["N"]) == THIRTY_DAYS


def test_both_lanes_worked_and_agree_with_each_other(world: World, mixed: tuple[str, dict[str, Any]]) -> None:
    """The same rows, sent through the other lane, get the same scores to the last bit."""
    source, _ = mixed
    markers = [json.loads(body) for body in world.objects("runs/mixed/markers/").values()]
    assert {marker["shard"]["lane"] for marker in markers} == {"small", "large"}

    again = world.run("mixed-by-jobs", source, scorer="container", shardRows=6_000)

    assert again["status"] == "SUCCEEDED", again.get("cause")
    assert {(row["prediction_id"], row["score"]) for row in world.rows("mixed-by-jobs")} == {
        (row["prediction_id"], row["score"]) for row in world.rows("mixed")
    }


def test_the_summary_adds_up_and_is_the_executions_output(world: World, mixed: tuple[str, dict[str, Any]]) -> None:
    _, execution = mixed
    (stored,) = world.objects("runs/mixed/summary.json").values()

    summary = json.loads(stored)

    assert json.loads(execution["output"]) == summary
    assert (summary["rows"], summary["predictions"], summary["quarantined"]) == (13_300, 13_300, 0)


def test_the_catalog_knows_the_runs_partition(world: World, mixed: tuple[str, dict[str, Any]]) -> None:
    glue = world.client("glue")
    (table,) = glue.get_tables(DatabaseName=DEPLOYED.database)["TableList"]

    partitions = glue.get_partitions(DatabaseName=DEPLOYED.database, TableName=table["Name"])["Partitions"]

    assert [key["Name"] for key in table["PartitionKeys"]] == ["day", "run_id"]
    assert "score" in {column["Name"] for column in table["StorageDescriptor"]["Columns"]}
    assert "mixed" in {partition["Values"][1] for partition in partitions}


def test_the_same_run_id_and_request_is_the_same_run(world: World, mixed: tuple[str, dict[str, Any]]) -> None:
    source, first = mixed
    before, items = world.results("mixed"), world.items("mixed/")

    again = world.run("mixed", source, smallShardRows=1_000, shardRows=6_000)

    assert again["status"] == "SUCCEEDED", again.get("cause")
    assert json.loads(again["output"])["predictions"] == json.loads(first["output"])["predictions"]
    assert world.results("mixed") == before
    assert world.items("mixed/") == items


def test_the_same_run_id_with_another_request_is_refused(world: World, mixed: tuple[str, dict[str, Any]]) -> None:
    source, _ = mixed
    before = world.results("mixed")

    refused = world.run("mixed", source, smallShardRows=2_000)

    assert (refused["status"], refused["error"]) == ("FAILED", "RunIdConflict")
    assert "mixed" in refused["cause"]
    assert world.results("mixed") == before


def test_bad_rows_are_set_aside_with_their_number_and_reason_and_the_rest_is_scored(world: World) -> None:
    good = records(4)
    lines = json_lines(good).splitlines()
    unknown = json.dumps({**good[0], "carrier": "ZZ"}).encode()
    missing = json.dumps({key: value for key, value in good[0].items() if key != "distance"}).encode()
    wrong_type = json.dumps({**good[0], "distance": "far"}).encode()
    not_a_number = lines[0].replace(b'"distance": ', b'"distance": NaN, "was": ')
    body = [lines[0], unknown, lines[1], missing, wrong_type, lines[2], not_a_number, b'{"carrier": "UA", ', lines[3]]
    cut_off = gzipped(json_lines(records(2_000, first=100)))
    source = world.upload(
        "bad-rows",
        {
            "a.jsonl": b"\n".join(body) + b"\n",
            "b-empty.csv": b"",
            "c-cut-off.jsonl.gz": cut_off[: len(cut_off) // 2],
            "d-no-carrier.csv": csv_text([{k: v for k, v in row.items() if k != "carrier"} for row in good]),
        },
    )

    execution = world.run("bad-rows", source)

    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    summary = json.loads(execution["output"])
    aside = world.quarantined("bad-rows")
    reasons = {entry["row"]: entry["reason"] for entry in aside if entry["source"].endswith("a.jsonl")}
    assert sorted(reasons) == [2, 4, 5, 7, 8]
    assert "carrier" in reasons[2]
    assert "ZZ" in reasons[2]
    assert "distance" in reasons[4]
    assert "far" in reasons[5]
    assert {row["row"] for row in world.rows("bad-rows") if row["source"].endswith("a.jsonl")} == {1, 3, 6, 9}
    assert sum(row["source"].endswith("c-cut-off.jsonl.gz") for row in world.rows("bad-rows")) > 100
    assert sum(entry["source"].endswith("c-cut-off.jsonl.gz") for entry in aside) == 1
    assert sum(entry["source"].endswith("d-no-carrier.csv") for entry in aside) == len(good)
    assert summary["rows"] == summary["predictions"] + summary["quarantined"]
    assert summary["quarantined"] == len(aside)


@pytest.mark.parametrize(
    ("document", "error", "said"),
    [
        ({"input": "s3://no-such-bucket-anywhere/x/"}, "NoInputFound", "no-such-bucket-anywhere"),
        ({"input": "nothing-below"}, "InvalidRunRequest", "s3://"),
        ({"modelVersion": "v99"}, "NoSuchVersion", "flights-2013-h1"),
        ({"shardRow": 5}, "InvalidRunRequest", "shardRows"),
        ({"shardRows": -1}, "InvalidRunRequest", "1000"),
        ({"runId": "with space"}, "InvalidRunRequest", "runId"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_a_request_that_makes_no_sense_is_refused_by_name(
    world: World, document: dict[str, Any], error: str, said: str
) -> None:
    done = world.cli("run", "batch-inference", "--input", json.dumps(document), "--json", check=False)

    assert done.returncode == 1, done.stdout + done.stderr
    cause = json.loads(done.stdout)["cause"]
    assert cause.startswith(f"{error}: ")
    assert said in cause


def test_an_empty_prefix_is_refused(world: World) -> None:
    refused = world.run("nothing", f"s3://{DEPLOYED.bucket('data')}/nothing-here/")

    assert (refused["status"], refused["error"]) == ("FAILED", "NoInputFound")
    assert "nothing-here" in refused["cause"]


@pytest.fixture
def hourly(world: World) -> dict[str, Any]:
    """What the deployed hourly schedule starts runs with."""
    group = DEPLOYED.schedule_group
    schedule = world.client("scheduler").get_schedule(
        Name=DEPLOYED.schedule("batch-inference", "hourly"), GroupName=group
    )
    return dict(json.loads(schedule["Target"]["Input"]))


def test_a_schedule_that_finds_nothing_succeeds_and_its_next_run_takes_the_late_file_once(
    world: World, hourly: dict[str, Any]
) -> None:
    crawler = world.client("glue")
    crawled = crawler.get_crawler(Name=DEPLOYED.crawler)["Crawler"].get("LastCrawl")

    def run(hour: str) -> tuple[dict[str, Any], list[str]]:
        asked = {**hourly, "scheduledTime": f"2013-07-02T{hour}:05:00Z"}
        done = world.cli("run", "batch-inference", "--input", json.dumps(asked), "--json", "--no-report")
        outcome = json.loads(done.stdout)
        return outcome, sorted({row["source"] for row in world.rows(outcome["runId"])})

    empty, _ = run("06")

    assert (empty["status"], empty["rows"], empty["period"]) == ("SUCCEEDED", 0, "2013-07-02T05")
    assert "input/hourly/2013-07-02/05/" in empty["warnings"][0]
    assert not {"Start crawler", "Score in two lanes"} & empty["stages"].keys()
    assert crawler.get_crawler(Name=DEPLOYED.crawler)["Crawler"].get("LastCrawl") == crawled

    world.upload("input/hourly/2013-07-02/05", {"late.jsonl": json_lines(records(4))})
    world.upload("input/hourly/2013-07-02/06", {"own.jsonl": json_lines(records(3, first=10))})
    taken = [run(hour) for hour in ("07", "08")]

    assert [(outcome["rows"], outcome["lateObjects"]) for outcome, _ in taken] == [(7, 1), (0, 0)]
    assert [source.rpartition("/")[2] for source in taken[0][1]] == ["late.jsonl", "own.jsonl"]


def test_a_schedule_scores_what_its_detail_says(world: World) -> None:
    """The event of EventBridge as it stands in its guide; the rest of the accepted inputs are held by unit tests."""
    source = world.upload("scheduled", {"today.jsonl": json_lines(records(5))})
    event = {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2015-10-08T16:53:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"],
        "detail": {"input": source},
    }

    done = world.cli("run", "batch-inference", "--input", json.dumps(event), "--json", "--no-report")

    assert json.loads(done.stdout)["predictions"] == 5


def test_the_end_of_a_run_is_told_to_the_topic(world: World) -> None:
    topic = f"arn:aws:sns:us-east-1:000000000000:{DEPLOYED.topic}"
    here = "arn:aws:sqs:us-east-1:000000000000:told"
    takes_from_topic = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": here,
    }
    queue = world.client("sqs").create_queue(
        QueueName="told",
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [takes_from_topic]})},
    )["QueueUrl"]
    world.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=here)
    source = world.upload("told", {"a.jsonl": json_lines(records(3))})

    world.run("told", source)
    world.run("told-of-failure", "s3://no-such-bucket-anywhere/")

    received = world.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    messages = [json.loads(message["Body"]) for message in received["Messages"]]
    told = {message["Subject"]: json.loads(message["Message"]) for message in messages}
    assert told["Batch inference succeeded"]["predictions"] == 3
    assert told["Batch inference failed"]["failure"]["Error"] == "NoInputFound"

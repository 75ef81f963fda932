"""Single records on the embedded AWS, over the REST API and from the stream; a process answers for the endpoint."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tasks.models.artifact import unpack
from tasks.models.version import RegisteredVersion
from tests.e2e.conftest import DEPLOYED, World

THIRTY_DAYS = 30 * 24 * 3600
SECONDS_FOR_A_RECORD = 60


@dataclass(frozen=True)
class Api:
    """The deployed API, called as curl would call it."""

    url: str
    key: str

    def call(
        self, record: Mapping[str, Any] | None = None, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        query = (
            "" if record is None else "?" + urllib.parse.urlencode({k: v for k, v in record.items() if v is not None})
        )
        request = urllib.request.Request(
            self.url + query,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "x-api-key": self.key if key is None else key},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)


@pytest.fixture(scope="module")
def api(world: World) -> Api:
    shown = json.loads(world.cli("api", "--json").stdout)
    return Api(shown["url"], shown["key"])


@pytest.fixture(scope="module")
def golden(world: World) -> list[dict[str, Any]]:
    """Records with the scores that the deployed model must give them."""
    ssm = world.client("ssm")
    active = ssm.get_parameter(Name="/ml-pipeline/models/active-version")["Parameter"]["Value"]
    name = f"/ml-pipeline/models/versions/{active}/metadata"
    version = RegisteredVersion.from_json(ssm.get_parameter(Name=name)["Parameter"]["Value"], name)
    bucket, _, key = version.artifact.removeprefix("s3://").partition("/")
    body = world.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return [dict(entry) for entry in unpack(body, version.sha256).golden]


def item(world: World, prediction_id: str) -> dict[str, Any]:
    found = world.client("dynamodb").get_item(TableName=DEPLOYED.table, Key={"predictionId": {"S": prediction_id}})
    return dict(found.get("Item", {}))


def of_partition(world: World, key: str) -> list[dict[str, Any]]:
    """The items of records that were put on the stream under a partition key."""
    pages = (
        world.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=DEPLOYED.table,
            FilterExpression="partitionKey = :key",
            ExpressionAttributeValues={":key": {"S": key}},
        )
    )
    return [item for page in pages for item in page["Items"]]


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS_FOR_A_RECORD
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing came within {SECONDS_FOR_A_RECORD} seconds")


def test_a_get_is_answered_by_the_model_and_remembered_for_thirty_days(
    world: World, api: Api, golden: list[dict[str, Any]]
) -> None:
    status, answer = api.call(record=golden[0]["record"])

    assert status == 200, answer
    assert answer["score"] == golden[0]["score"]
    assert answer["modelVersion"] == "flights-2013-h1"
    assert answer["variant"] in ("ModelA", "ModelB")
    stored = item(world, answer["predictionId"])
    assert float(stored["score"]["N"]) == answer["score"]
    assert int(stored["expirationTime"]["N"]) - int(stored["createdAt"]["N"]) == THIRTY_DAYS
    assert abs(int(stored["createdAt"]["N"]) - time.time()) < 300


def test_a_post_answers_each_of_many_records(world: World, api: Api, golden: list[dict[str, Any]]) -> None:
    status, answer = api.call(body={"records": [entry["record"] for entry in golden]})

    assert status == 200, answer
    assert [each["score"] for each in answer["predictions"]] == [entry["score"] for entry in golden]
    ids = {each["predictionId"] for each in answer["predictions"]}
    assert len(ids) == len(golden)
    assert all(item(world, each) for each in ids)


def test_a_bad_record_is_refused_with_its_number_and_field_and_nothing_is_stored(
    world: World, api: Api, golden: list[dict[str, Any]]
) -> None:
    good = golden[0]["record"]
    status, answer = api.call(body={"records": [good, {**good, "carrier": "no such carrier"}]})

    assert status == 400, answer
    assert [(error["record"], error["field"]) for error in answer["errors"]] == [(1, "carrier")]
    assert not item(world, f"{answer['requestId']}-0")


def test_a_get_without_a_feature_that_the_model_needs_is_refused_by_its_name(
    api: Api, golden: list[dict[str, Any]]
) -> None:
    status, answer = api.call(record={**golden[0]["record"], "distance": None})

    assert status == 400, answer
    assert "distance" in json.dumps(answer)


def test_the_calls_that_the_command_line_shows_can_be_pasted_into_a_shell(world: World) -> None:
    shown = world.cli("api").stdout.splitlines()
    calls = [line for line in shown if line.startswith("curl ")]

    answers = [json.loads(subprocess.run(call, shell=True, capture_output=True, check=True).stdout) for call in calls]

    one, many = answers
    assert one["score"] == many["predictions"][0]["score"]


def test_nobody_is_answered_without_a_key(api: Api, golden: list[dict[str, Any]]) -> None:
    status, answer = api.call(record=golden[0]["record"], key="not-a-key")

    assert status == 403, answer


def test_a_record_on_the_stream_becomes_an_item(world: World, golden: list[dict[str, Any]]) -> None:
    kinesis = world.client("kinesis")
    kinesis.put_record(
        StreamName=DEPLOYED.stream, Data=json.dumps(golden[1]["record"]).encode(), PartitionKey="flight-of-the-test"
    )

    (stored,) = eventually(lambda: of_partition(world, "flight-of-the-test"))
    assert float(stored["score"]["N"]) == golden[1]["score"]
    assert int(stored["expirationTime"]["N"]) - int(stored["createdAt"]["N"]) == THIRTY_DAYS


def test_a_poison_record_is_set_aside_with_its_reason_and_stops_nobody(
    world: World, golden: list[dict[str, Any]]
) -> None:
    kinesis = world.client("kinesis")
    kinesis.put_record(StreamName=DEPLOYED.stream, Data=b"{ this is no JSON", PartitionKey="poison")
    kinesis.put_record(
        StreamName=DEPLOYED.stream, Data=json.dumps(golden[2]["record"]).encode(), PartitionKey="after-the-poison"
    )

    quarantined = [json.loads(body) for body in eventually(lambda: world.objects("quarantine/stream/")).values()]
    (poison,) = (each for each in quarantined if each["partitionKey"] == "poison")
    assert base64.b64decode(poison["data"]) == b"{ this is no JSON"
    assert "JSON" in poison["reason"]
    assert eventually(lambda: of_partition(world, "after-the-poison"))

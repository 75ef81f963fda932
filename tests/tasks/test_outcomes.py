from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tasks.deployment.outcomes import PREFIX, Judged, Served, judge_predictions, read_outcomes
from tasks.errors import InvalidOutcomes, ServiceUnavailable
from tests.tasks.conftest import World

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def predicted(world: World, key: str, score: float, variant: str | None = "ModelA", version: str = "v1") -> None:
    item = {"predictionId": {"S": key}, "score": {"N": str(score)}, "modelVersion": {"S": version}}
    world.dynamodb.put_item(
        TableName="predictions", Item=item | ({"variant": {"S": variant}} if variant else {"row": {"N": "1"}})
    )


def test_records_of_one_request_are_one_observation(world: World) -> None:
    outcomes = {f"request-{number}-{place}": 1 for number in range(3) for place in range(20)}
    for key in outcomes:
        item = {"predictionId": {"S": key}, "score": {"N": "0.5"}, "modelVersion": {"S": "v1"}}
        item |= {"variant": {"S": "ModelA"}, "source": {"S": "api"}}
        world.dynamodb.put_item(TableName="predictions", Item=item)
    world.upload(f"{PREFIX}x.jsonl", lines(outcomes))

    (found,) = judged(world).values()

    assert len(found.scores) == 60
    assert (found.squared_errors.count, found.squared_errors.mean) == (3, 0.25)


def lines(outcomes: dict[str, Any]) -> bytes:
    return b"".join(
        json.dumps({"prediction_id": key, "label": label}).encode() + b"\n" for key, label in outcomes.items()
    )


def as_parquet(outcomes: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(
        pa.table({"prediction_id": list(outcomes), "label": list(outcomes.values()), "who": ["me"] * len(outcomes)}),
        buffer,
    )
    return buffer.getvalue()


def judged(world: World) -> dict[Served, Judged]:
    return dict(judge_predictions(world.storage, world.dynamodb, "data", "predictions", LONG_AGO))


def test_predictions_are_judged_by_variant_and_version(world: World) -> None:
    predicted(world, "a", 0.9)
    predicted(world, "b", 0.2)
    predicted(world, "c", 0.7, "ModelB", "v2")
    world.upload(f"{PREFIX}monday.jsonl", lines({"a": 1, "b": 0, "c": 0}))

    found = judged(world)

    assert set(found) == {Served("ModelA", "v1"), Served("ModelB", "v2")}
    assert sorted(found[Served("ModelA", "v1")].scores) == [0.2, 0.9]
    assert found[Served("ModelA", "v1")].squared_errors.mean == pytest.approx((0.1**2 + 0.2**2) / 2)
    assert found[Served("ModelB", "v2")].squared_errors.mean == pytest.approx(0.49)


def test_each_score_meets_its_own_outcome(world: World) -> None:
    # More than one request of BatchGetItem, which answers in any order.
    outcomes = {f"p{number}": number % 2 for number in range(250)}
    for key, label in outcomes.items():
        predicted(world, key, 0.75 if label else 0.25)
    world.upload(f"{PREFIX}all.parquet", as_parquet(outcomes))

    found = judged(world)[Served("ModelA", "v1")]

    assert len(found.scores) == 250
    assert np.array_equal(found.scores > 0.5, found.labels == 1)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.jsonl", lines),
        ("below/x.jsonl.gz", lambda outcomes: gzip.compress(lines(outcomes))),
        ("x.parquet", as_parquet),
    ],
)
@pytest.mark.parametrize(("yes", "no"), [(1, 0), (True, False), (1.0, 0.0)])
def test_every_form_of_outcomes_reads_the_same(
    world: World, name: str, write: Callable[[dict[str, Any]], bytes], yes: Any, no: Any
) -> None:
    world.upload(PREFIX + name, write({"a": yes, "b": no, "c": None}))

    assert read_outcomes(world.storage, "data", LONG_AGO) == {"a": 1.0, "b": 0.0}


def test_what_is_no_prediction_of_the_endpoint_does_not_count(world: World) -> None:
    predicted(world, "batch", 0.5, variant=None)
    world.upload(f"{PREFIX}x.jsonl", lines({"batch": 1, "expired": 1}))

    assert judged(world) == {}


def test_outcomes_elsewhere_and_empty_objects_are_left_alone(world: World) -> None:
    world.upload("outcomes/batch.parquet", b"of another form")
    world.upload(PREFIX, b"")
    world.upload(f"{PREFIX}empty.jsonl", b"")

    assert judged(world) == {}


def test_only_what_was_written_since_then_is_read(world: World) -> None:
    world.upload(f"{PREFIX}x.jsonl", b"what nobody reads needs no form")

    assert read_outcomes(world.storage, "data", datetime.now(UTC) + timedelta(hours=1)) == {}


def test_a_later_object_corrects_an_earlier_one() -> None:
    early, late = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    bodies = {f"{PREFIX}1.jsonl": lines({"a": 1, "b": 1}), f"{PREFIX}0.jsonl": lines({"a": 0})}
    storage = SimpleNamespace(
        list=lambda place: [
            SimpleNamespace(key=f"{PREFIX}1.jsonl", size=1, modified=late),
            SimpleNamespace(key=f"{PREFIX}0.jsonl", size=1, modified=early),
        ],
        read=lambda place: bodies[place.key],
    )

    assert read_outcomes(storage, "data", LONG_AGO) == {"a": 1.0, "b": 1.0}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("x.csv", b"prediction_id,label\na,1\n", "jsonl"),
        ("x.jsonl", b'{"prediction_id": "a", "late": 1}\n', "label"),
        ("x.jsonl", b"{oops", "JSON Lines"),
        ("x.jsonl.gz", b"no gzip at all", "JSON Lines"),
        ("x.parquet", b"no parquet", "Parquet"),
        ("x.jsonl", lines({"a": 2}), "'a' is 2"),
        ("x.jsonl", b'{"prediction_id": 5, "label": 1}\n', "5 is 1"),
        ("x.parquet", as_parquet({"a": 0.5}), "'a' is 0.5"),
    ],
)
def test_what_is_no_outcome_is_refused_with_its_place(world: World, name: str, body: bytes, said: str) -> None:
    world.upload(PREFIX + name, body)

    with pytest.raises(InvalidOutcomes) as refused:
        read_outcomes(world.storage, "data", LONG_AGO)

    assert f"s3://data/{PREFIX}{name}" in str(refused.value)
    assert said in str(refused.value)


class Throttled:
    """A DynamoDB that gives one item at each request, or none."""

    def __init__(self, world: World, at_once: int) -> None:
        self._dynamodb, self._at_once, self.requests = world.dynamodb, at_once, 0

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.requests += 1
        ((table, wanted),) = RequestItems.items()
        now, later = wanted["Keys"][: self._at_once], wanted["Keys"][self._at_once :]
        answer = self._dynamodb.batch_get_item(RequestItems={table: wanted | {"Keys": now}}) if now else {}
        left = {table: wanted | {"Keys": later}} if later else {}
        return {"Responses": answer.get("Responses", {}), "UnprocessedKeys": left}


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.deployment.outcomes.time", SimpleNamespace(sleep=lambda seconds: None))


def test_what_dynamodb_leaves_over_is_asked_for_again(world: World, no_waits: None) -> None:
    for key in "abc":
        predicted(world, key, 0.5)
    world.upload(f"{PREFIX}x.jsonl", lines(dict.fromkeys("abc", 1)))

    (found,) = judge_predictions(world.storage, Throttled(world, 1), "data", "predictions", LONG_AGO).values()

    assert len(found.scores) == 3


def test_a_table_that_gives_nothing_is_told_of(world: World, no_waits: None) -> None:
    world.upload(f"{PREFIX}x.jsonl", lines({"a": 1}))

    with pytest.raises(ServiceUnavailable, match="predictions"):
        judge_predictions(world.storage, Throttled(world, 0), "data", "predictions", LONG_AGO)

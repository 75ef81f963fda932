"""The stream's function: every record ends as an item or in quarantine, or is delivered again."""

import base64
import json
from collections import Counter

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import AccessRefused, ServiceUnavailable
from tasks.handlers import score_stream
from tasks.storage import Storage
from tests.tasks.conftest import CONTEXT, GOOD, metrics_in
from tests.tasks.model_server import error, refused

ARRIVED = 1_795_395_723.25  # 2026-11-23T01:02:03.250Z
FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/records"


def entry(place, content, **changes):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    sequence = str(FIRST + place)
    kinesis = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": f'key "{place}"',
        "sequenceNumber": sequence,
        "data": base64.b64encode(raw).decode(),
        "approximateArrivalTimestamp": ARRIVED,
    } | changes
    return {"eventID": f"shardId-000000000000:{sequence}", "eventSourceARN": ARN, "kinesis": kinesis}


def batch(*data):
    return {"Records": [entry(place, each) for place, each in enumerate(data)]}


@pytest.fixture
def stream(online, monkeypatch):
    monkeypatch.setattr(score_stream, "_online", lambda: online)
    return lambda event: score_stream.handler(event, CONTEXT)


def failures(*places):
    return {"batchItemFailures": [{"itemIdentifier": str(FIRST + place)} for place in places]}


def set_aside(world):
    """The quarantined objects by partition key."""
    found = [orjson.loads(world.results(key)) for key in world.keys("quarantine/stream/")]
    return {document["partitionKey"]: document for document in found}


def test_a_batch_is_predicted_with_one_call_and_its_items_are_stored(stream, world, model, capsys):
    model.variant = "ModelB"

    response = stream(batch(GOOD, GOOD | {"distance": 700, "note": "not read by the model"}))

    assert response == failures()
    assert model.calls == [[GOOD, GOOD | {"distance": 700.0}]]
    items = {item["partitionKey"]["S"]: item for item in world.items()}
    assert items.keys() == {'key "0"', 'key "1"'}
    first = items['key "0"']
    assert first.pop("predictionId")["S"].isalnum()
    assert first == {
        "source": {"S": "stream"},
        "partitionKey": {"S": 'key "0"'},
        "variant": {"S": "ModelB"},
        "modelVersion": {"S": "v1"},
        "score": {"N": "0.3"},
        "prediction": {"BOOL": False},
        "createdAt": {"N": str(int(ARRIVED))},
        "expirationTime": {"N": str(int(ARRIVED) + 30 * 86_400)},
    }
    assert metrics_in(capsys.readouterr().out) == [
        {"variant": "ModelB", "Predictions": [2.0]},
        {"PoisonRecords": [0.0], "UnhandledRecords": [0.0]},
    ]


def test_a_record_that_is_delivered_twice_is_one_item(stream, world, model):
    twice = entry(0, GOOD)

    stream({"Records": [twice, twice, entry(1, GOOD)]})
    once = world.items()
    stream({"Records": [twice]})

    assert len(model.calls[0]) == 2
    assert len(once) == 2
    assert world.items() == once


def test_the_same_sequence_number_of_another_stream_is_another_record(stream, world):
    stream({"Records": [entry(0, GOOD), entry(0, GOOD) | {"eventSourceARN": f"{ARN}-2"}]})

    assert len(world.items()) == 2


def test_poison_is_set_aside_with_its_reason_and_the_rest_is_predicted(stream, world, model, capsys):
    poison = [b"\xff\x00", b"{", [1], GOOD | {"origin": "SFO", "wind": "x"}, {"origin": "JFK"}]

    response = stream(batch(GOOD, *poison, GOOD))

    assert response == failures()
    assert len(world.items()) == 2
    found = set_aside(world)
    assert [found[f'key "{place}"']["reason"].split(" at ")[0].split(":")[0] for place in (1, 2, 3, 4, 5)] == [
        "the record is not JSON",
        "the record is not JSON",
        "the record is JSON, but not an object",
        "wind",
        "distance",
    ]
    assert "wind" in found['key "4"']["reason"]
    assert 'origin: the model does not know "SFO"' in found['key "4"']["reason"]
    assert base64.b64decode(found['key "1"']["data"]) == b"\xff\x00"
    assert found['key "1"']["arrivedAt"] == "2026-11-23T01:02:03.250Z"
    assert found['key "1"']["eventId"] == f"shardId-000000000000:{FIRST + 1}"
    keys = world.keys("quarantine/")
    assert all(
        key == f"quarantine/stream/day=2026-11-23/{orjson.loads(world.results(key))['predictionId']}.json"
        for key in keys
    )
    assert {"PoisonRecords": [5.0], "UnhandledRecords": [0.0]} in metrics_in(capsys.readouterr().out)


def test_poison_that_is_delivered_twice_is_one_and_the_same_object(stream, world):
    stream(batch(b"{"))
    (key,) = world.keys("quarantine/")
    before = world.results(key)
    stream(batch(b"{"))

    assert world.keys("quarantine/") == [key]
    assert world.results(key) == before


def test_data_that_is_not_base64_is_poison(stream, world):
    assert stream({"Records": [entry(0, b"", data="%%%")]}) == failures()
    assert set_aside(world)['key "0"']["reason"].startswith("the record is not Base64")


def test_a_batch_of_poison_alone_calls_no_endpoint(stream, world, model):
    assert stream(batch(b"", b"x")) == failures()
    assert model.calls == []
    assert len(set_aside(world)) == 2


def test_what_the_variant_s_model_refuses_is_poison_and_the_rest_is_predicted(stream, world, model):
    model.script.append(refused((1, "origin", "unknown here"), (1, "wind", "too strong")))

    assert stream(batch(GOOD, GOOD, GOOD)) == failures()
    assert [len(call) for call in model.calls] == [3, 2]
    assert set_aside(world)['key "1"']["reason"] == "origin: unknown here; wind: too strong"
    assert {item["partitionKey"]["S"] for item in world.items()} == {'key "0"', 'key "2"'}


@pytest.mark.parametrize(
    "reply", [error(400, "ThrottlingException"), error(400, "ValidationError"), (200, {}, b"nonsense")]
)
def test_while_the_endpoint_fails_good_records_are_delivered_again_and_poison_is_not(
    stream, world, model, logs, capsys, reply
):
    model.script += [reply] * 2

    assert stream(batch(b"{", GOOD, b"{", GOOD)) == failures(1)
    assert world.items() == []
    assert set_aside(world).keys() == {'key "0"', 'key "2"'}
    assert [line["message"] for line in logs() if line["level"] == "ERROR"] == ["not handled"]
    assert {"PoisonRecords": [2.0], "UnhandledRecords": [2.0]} in metrics_in(capsys.readouterr().out)

    model.script.clear()
    assert stream({"Records": batch(b"{", GOOD, b"{", GOOD)["Records"][1:]}) == failures()
    assert len(world.items()) == 2
    assert len(set_aside(world)) == 2


def test_what_could_not_be_stored_is_delivered_again(stream, online, monkeypatch):
    monkeypatch.setattr("tasks.scoring.item_store.time.sleep", lambda seconds: None)
    monkeypatch.setattr(online.items, "_send", lambda body: (503, b"slow down"))

    assert stream(batch(b"{", GOOD)) == failures(1)


def test_poison_that_could_not_be_set_aside_is_delivered_again(stream, world, monkeypatch):
    def full(self, place, document):
        raise AccessRefused("no")

    monkeypatch.setattr(Storage, "write_json", full)

    assert stream(batch(GOOD, b"{", GOOD)) == failures(1)
    assert len(world.items()) == 2


def test_without_a_signature_the_whole_batch_is_delivered_again(stream, online, monkeypatch):
    def throttled():
        raise ServiceUnavailable("Rate exceeded")

    monkeypatch.setattr(online.active, "get", throttled)

    assert stream(batch(GOOD, b"{")) == failures(0)


def test_a_process_that_starts_with_a_typo_in_the_active_version_serves_by_the_version_before(stream, world, logs):
    world.registry._ssm.put_parameter(Name="/ml-pipeline/models/active-version", Value="v22", Overwrite=True)

    assert stream(batch(GOOD)) == failures()
    assert len(world.items()) == 1
    assert [line["message"] for line in logs() if line["level"] == "ERROR"] == ["active version not usable"]


def test_a_process_that_starts_without_any_version_lets_the_batch_be_delivered_again(stream, world):
    world.registry._ssm.delete_parameter(Name="/ml-pipeline/models/active-version")

    assert stream(batch(GOOD, b"{")) == failures(0)
    assert set_aside(world) == {}


def test_sequence_numbers_are_compared_as_numbers(stream, online, monkeypatch):
    monkeypatch.setattr(online.active, "get", lambda: (_ for _ in ()).throw(ServiceUnavailable("no")))

    shorter = entry(1, GOOD, sequenceNumber="9")
    longer = entry(2, GOOD, sequenceNumber="10")
    assert stream({"Records": [longer, shorter]}) == {"batchItemFailures": [{"itemIdentifier": "9"}]}


def test_the_path_is_made_once_for_a_process(online):
    score_stream._online.cache_clear()

    assert score_stream._online() is score_stream._online()
    score_stream._online.cache_clear()


contents = st.one_of(
    st.binary(max_size=20),
    st.fixed_dictionaries(
        {},
        optional={
            "distance": st.one_of(st.integers(0, 1000), st.floats(), st.text(max_size=3), st.none()),
            "wind": st.one_of(st.floats(0, 60), st.none(), st.just([])),
            "origin": st.sampled_from(["JFK", "EWR", "SFO", "", None, 5, "\ud800"]),
            "note": st.text(max_size=3),
        },
    ).map(lambda record: json.dumps(record).encode()),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(contents, min_size=1, max_size=6), st.booleans())
def test_no_record_disappears(stream, world, model, data, throttled):
    for key in world.keys("quarantine/"):
        world.s3.delete_object(Bucket="results", Key=key)
    for item in world.items():
        world.dynamodb.delete_item(TableName="predictions", Key={"predictionId": item["predictionId"]})
    model.script[:] = [error(400, "ThrottlingException")] * 2 if throttled else []
    model_calls = len(model.calls)

    response = stream(batch(*data))

    ended = Counter(item["partitionKey"]["S"] for item in world.items()) + Counter(set_aside(world).keys())
    assert set(ended.values()) <= {1}
    (first,) = [int(each["itemIdentifier"]) - FIRST for each in response["batchItemFailures"]] or [len(data)]
    assert {f'key "{place}"' for place in range(first)} <= ended.keys()
    if len(model.calls) == model_calls or not throttled:
        assert first == len(data)

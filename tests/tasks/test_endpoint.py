"""The endpoint: what is sent to it, and what its answers and its failures become."""

import json

import orjson
import pytest

from tasks.aws import client
from tasks.aws_limits import SAGEMAKER_BODY
from tasks.errors import (
    AccessRefused,
    EndpointAnswerInvalid,
    EndpointRefused,
    EndpointUnavailable,
    InvalidRecords,
    RecordError,
    RecordsTooLarge,
    ServiceUnavailable,
)
from tasks.models.endpoint import ModelEndpoint, Prediction
from tests.tasks.conftest import GOOD
from tests.tasks.model_server import error, model_error, predictions, refused

RECORDS = [GOOD, GOOD | {"distance": 700.0, "wind": None}]


@pytest.fixture
def endpoint(model):
    return ModelEndpoint("flights")


def test_records_are_predicted_in_their_order_by_the_variant_that_answers(endpoint, model):
    model.variant = "ModelB"

    answer = endpoint.predict(RECORDS)

    assert (answer.variant, answer.model_version) == ("ModelB", "v1")
    assert answer.predictions == [Prediction(0.3, False), Prediction(0.7, True)]
    assert model.calls == [RECORDS]
    ((path, headers),) = model.requests
    assert path == "/endpoints/flights/invocations"
    assert headers["content-type"] == headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "reply",
    [
        error(400, "ThrottlingException"),
        error(429, "ModelNotReadyException"),
        error(500, "InternalFailure"),
        error(530, "InternalDependencyException"),
        error(503, "ServiceUnavailable"),
        model_error(500, "a trace"),
        model_error(503),
        model_error(429),
        model_error(0),
    ],
)
def test_what_passes_is_unavailable(endpoint, model, reply):
    model.script += [reply] * 2

    with pytest.raises(EndpointUnavailable):
        endpoint.predict(RECORDS)


def test_a_throttled_call_is_tried_once_more(endpoint, model):
    model.script.append(error(400, "ThrottlingException"))

    assert len(endpoint.predict(RECORDS).predictions) == 2
    assert len(model.calls) == 2


def test_an_endpoint_that_does_not_answer_in_time_is_unavailable(model):
    impatient = client("sagemaker-runtime", attempts=1, connect_seconds=1, read_seconds=0.1)
    model.script.append(0.5)

    with pytest.raises(EndpointUnavailable, match="Read timeout"):
        ModelEndpoint("flights", impatient).predict(RECORDS)


def test_an_endpoint_that_cannot_be_reached_is_unavailable(settings, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    unreachable = client("sagemaker-runtime", attempts=1, connect_seconds=1, read_seconds=2)

    with pytest.raises(EndpointUnavailable):
        ModelEndpoint("flights", unreachable).predict(RECORDS)


def test_unavailability_of_the_endpoint_is_one_of_a_service():
    assert issubclass(EndpointUnavailable, ServiceUnavailable)


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (error(400, "ValidationError"), EndpointRefused),
        (model_error(400, "what"), EndpointRefused),
        (model_error(400, '{"errors": [{"record": 7, "field": "wind", "message": "no"}]}'), EndpointRefused),
        (model_error(400, '{"errors": [{"record": 0, "field": "wind", "message": 5}]}'), EndpointRefused),
        (model_error(400, '{"errors": []}'), EndpointRefused),
        (model_error(413), EndpointRefused),
        (model_error(415), EndpointRefused),
        (error(403, "AccessDeniedException"), AccessRefused),
    ],
)
def test_what_a_retry_does_not_mend_is_refused_at_once(endpoint, model, reply, name):
    model.script.append(reply)

    with pytest.raises(name):
        endpoint.predict(RECORDS)
    assert len(model.calls) == 1


def test_records_that_the_variant_s_model_does_not_take_are_named(endpoint, model):
    model.script.append(refused((1, "origin", "the model does not know it"), (1, "wind", "x" * 1_000)))

    with pytest.raises(InvalidRecords, match="record 1: origin: the model does not know it") as refusal:
        endpoint.predict(RECORDS)

    assert refusal.value.errors == [
        RecordError(1, "origin", "the model does not know it"),
        RecordError(1, "wind", "x" * 300),
    ]


GOOD_ENTRY = {"score": 0.5, "prediction": True}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"modelVersion": "v1"}',
        json.dumps({"predictions": [GOOD_ENTRY, GOOD_ENTRY]}).encode(),
        json.dumps({"modelVersion": "", "predictions": [GOOD_ENTRY, GOOD_ENTRY]}).encode(),
        json.dumps({"modelVersion": "v1", "predictions": [GOOD_ENTRY]}).encode(),
        json.dumps({"modelVersion": "v1", "predictions": [GOOD_ENTRY] * 3}).encode(),
        *(
            json.dumps({"modelVersion": "v1", "predictions": [GOOD_ENTRY, GOOD_ENTRY | change]}).encode()
            for change in (
                {"score": 1.01},
                {"score": -0.1},
                {"score": float("nan")},
                {"score": "0.5"},
                {"score": None},
                {"score": True},
                {"prediction": 1},
            )
        ),
        json.dumps({"modelVersion": "v1", "predictions": [0.5, 0.5]}).encode(),
    ],
)
def test_anything_but_one_prediction_for_each_record_is_no_valid_answer(endpoint, model, body):
    model.script.append((200, {"x-Amzn-Invoked-Production-Variant": "ModelA"}, body))

    with pytest.raises(EndpointAnswerInvalid, match="flights gave no valid answer"):
        endpoint.predict(RECORDS)


def test_an_answer_of_nobody_is_not_valid(endpoint, model):
    status, _, body = predictions([0.1, 0.2])
    model.script.append((status, {}, body))

    with pytest.raises(EndpointAnswerInvalid, match="which variant"):
        endpoint.predict(RECORDS)


def test_scores_at_both_ends_are_valid(endpoint, model):
    model.script.append(predictions([0, 1]))

    assert endpoint.predict(RECORDS).predictions == [Prediction(0.0, False), Prediction(1.0, True)]


def wide(distance, size):
    """A record of so many bytes as JSON."""
    record = {"distance": distance, "text": ""}
    return record | {"text": "x" * (size - len(orjson.dumps(record)))}


def test_records_that_are_too_many_bytes_for_one_call_go_in_several_to_the_variant_that_answered_first(endpoint, model):
    megabyte = 1 << 20
    records = [wide(100.0 * number, megabyte) for number in range(1, 9)]
    model.script += [predictions([0.1, 0.2, 0.3, 0.4, 0.5], "ModelB"), predictions([0.6, 0.7, 0.8], "ModelB")]

    answer = endpoint.predict(records)

    assert [len(call) for call in model.calls] == [5, 3], (
        "six of a megabyte each are more than six, with what is around"
    )
    assert [prediction.score for prediction in answer.predictions] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert [headers.get("x-amzn-sagemaker-target-variant") for _, headers in model.requests] == [None, "ModelB"]
    assert all(int(headers["content-length"]) <= SAGEMAKER_BODY.value for _, headers in model.requests)


def test_a_body_of_just_the_size_that_sagemaker_takes_is_one_call(endpoint, model):
    around = len('{"records":[]}')

    endpoint.predict([wide(100.0, SAGEMAKER_BODY.value - around)])

    ((_, headers),) = model.requests
    assert int(headers["content-length"]) == SAGEMAKER_BODY.value


def test_a_record_that_alone_is_too_large_is_named_and_nothing_is_sent(endpoint, model):
    records = [GOOD, wide(100.0, SAGEMAKER_BODY.value)]

    with pytest.raises(RecordsTooLarge, match=r"record 1: the record is 6,291,456 bytes as JSON") as refusal:
        endpoint.predict(records)

    assert [error.record for error in refusal.value.errors] == [1]
    assert model.calls == []


def test_a_record_of_a_later_call_is_named_by_its_place_among_all(endpoint, model):
    records = [wide(100.0, 4 << 20), wide(200.0, 4 << 20)]
    model.script += [predictions([0.1]), refused((0, "text", "no"))]

    with pytest.raises(InvalidRecords) as refusal:
        endpoint.predict(records)

    assert refusal.value.errors == [RecordError(1, "text", "no")]


def test_a_model_that_is_replaced_between_two_calls_is_one_to_ask_again(endpoint, model):
    _, headers, body = predictions([0.2])
    model.script += [predictions([0.1]), (200, headers, body.replace(b"v1", b"v2"))]

    with pytest.raises(EndpointUnavailable, match=r"changed its model meanwhile: \['v1', 'v2'\]"):
        endpoint.predict([wide(100.0, 4 << 20), wide(200.0, 4 << 20)])

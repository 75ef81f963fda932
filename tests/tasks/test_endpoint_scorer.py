"""The endpoint as a scorer: the same outcome as with the artifact, whatever the services do on the way."""

import gzip
import io
import json
import threading
from dataclasses import replace

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import (
    AccessRefused,
    EndpointAnswerInvalid,
    EndpointRefused,
    EndpointUnavailable,
    NoSuchVersion,
    PreprocessingFailed,
    PreprocessingUnavailable,
    VersionNotServed,
)
from tasks.handlers import preprocess
from tasks.models import endpoint
from tasks.models.artifact import Artifact
from tasks.models.forest import Forest
from tasks.models.scorers import numpy_scorer
from tasks.models.sigmoid import sigmoid
from tasks.reading.json_lines import read_json_lines
from tasks.records.check import check, rows_from_records
from tasks.records.cleaning import clean
from tasks.records.features import feature_matrix
from tasks.scoring import endpoint_scorer
from tasks.scoring.endpoint_scorer import EndpointScorer, patient_endpoint
from tasks.scoring.remote_preprocessing import PreprocessFunction
from tasks.scoring.shard import Model, Stages
from tasks.scoring.throttle import Pressure
from tasks.storage import Location
from tests.tasks import lambda_server
from tests.tasks import model_server as wire
from tests.tasks.conftest import CONTEXT, GOOD, MODEL_TEXT, RUN, SIGNATURE, forget_clients, version_of

PREDICTIONS = "predictions/day=2026-11-23/run_id=nightly/00000.parquet"
QUARANTINE = "quarantine/day=2026-11-23/run_id=nightly/00000.jsonl"
VERSION, _ = version_of(Artifact(MODEL_TEXT, SIGNATURE, []))[0].registration()
FOREST = Forest(MODEL_TEXT)


def scores_of(records):
    """What the variant's model server computes."""
    checked = check(rows_from_records(np.arange(1, len(records) + 1), records, SIGNATURE), SIGNATURE)
    assert not checked.bad, "the variant got a record that its model does not take"
    return sigmoid(FOREST.margin(feature_matrix(checked.columns, SIGNATURE))).tolist()


class NoWaits(Pressure):
    """Does not sleep."""

    def __init__(self, in_flight=3, attempts=4):
        super().__init__(1e9, in_flight, attempts=attempts, wait=lambda seconds: None)


@pytest.fixture(scope="module")
def function_server(model_server):
    """Lambda with the function `preprocess`, over HTTP, beside the endpoint."""
    lock = threading.Lock()

    def handler(event):
        with lock:  # a worker of Lambda has one request at a time
            return preprocess.handler(event, CONTEXT)

    with lambda_server.running(handler) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        forget_clients()
        yield server
        forget_clients()


@pytest.fixture
def function(function_server, world):
    """The server with nothing scripted and nothing seen."""
    preprocess._signature.cache_clear()
    function_server.script.clear()
    function_server.events.clear()
    function_server.paths.clear()
    function_server.most_bytes_of_an_answer = 6_291_556
    return function_server


@pytest.fixture
def served(function, world, model, monkeypatch):
    """The endpoint, whose variants serve v1."""

    def reply(records):
        model.calls.append(records)
        if model.script:
            return model.script.pop(0)
        return wire.predictions(scores_of(records), "ModelB")

    monkeypatch.setattr(model, "reply", reply)
    return model


@pytest.fixture
def scorer(served):
    def make(records_per_call=500, **pressure):
        return EndpointScorer(
            VERSION,
            SIGNATURE,
            "ModelB",
            endpoint=patient_endpoint("flights"),
            preprocess=PreprocessFunction("ml-pipeline-lambda-preprocess"),
            pressure=NoWaits(**pressure),
            records_per_call=records_per_call,
        )

    return make


ROWS = [
    GOOD,
    GOOD | {"wind": None},
    GOOD | {"origin": "SFO"},
    {"distance": 900.0, "wind": 12.5, "origin": "EWR"},
    GOOD | {"distance": "far"},
    {"wind": 5.0, "origin": "JFK"},
    GOOD | {"distance": 0.1 + 0.2},
] * 9

CSV = "distance,wind,origin\n" + "300,5,JFK\n900,,EWR\nfar,5,JFK\n300,5\n1e3, 7 ,LGA\nnan,5,JFK\n,5,JFK\n" * 9
JSON_LINES = b"".join(orjson.dumps(row) + b"\n" for row in ROWS)
ODD_LINES = JSON_LINES + b'{"distance": NaN, "wind": 1e999, "origin": "JFK"}\nno json\n[]\n' + JSON_LINES[:-9]


def parquet_rows():
    table = pa.Table.from_pylist([row for row in ROWS if row.get("distance") != "far"])
    file = io.BytesIO()
    pq.write_table(table.append_column("extra", [list(range(len(table)))]), file, row_group_size=20)
    return file.getvalue()


def parquet_of_other_types():
    table = pa.table(
        {"distance": pa.array([1.5, float("nan"), 9e9] * 9, pa.float32()), "origin": ["JFK", "EWR", None] * 9}
    )
    file = io.BytesIO()
    pq.write_table(table.append_column("wind", [[1, 2, 3] * 9]), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("input/a.jsonl", JSON_LINES),
        ("input/odd.jsonl", ODD_LINES),
        ("input/cut.jsonl.gz", gzip.compress(JSON_LINES)[:-20]),
        ("input/a.csv", CSV.encode()),
        ("input/good.csv", b"distance,wind,origin\n" + b"300,5,JFK\n250.5,,EWR\n" * 20),
        ("input/no-column.csv", b"distance,origin\n300,JFK\n"),
        ("input/a.parquet", parquet_rows()),
        ("input/types.parquet", parquet_of_other_types()),
        ("input/empty.csv", b""),
    ],
)
def test_results_have_the_bytes_of_the_container_s(world, scorer, key, body):
    world.upload(key, body)
    shard = world.shard(key, lane="large")
    by_container = world.score(shard)
    expected = (world.results(PREDICTIONS), world.results(QUARANTINE), world.items())
    for written in world.keys():  # noqa: SIM118  (a world is no mapping)
        world.storage.delete(Location("results", written))

    by_endpoint = world.score(shard, model=lambda: scorer(records_per_call=5))

    assert (world.results(PREDICTIONS), world.results(QUARANTINE), world.items()) == expected
    same = ("rows", "predictions", "quarantined", "reasons", "histogram", "objects", "digest")
    assert {name: by_endpoint[name] for name in same} == {name: by_container[name] for name in same}
    assert (by_container["scorer"], by_endpoint["scorer"]) == ("container", "endpoint")


def test_a_shard_that_is_finished_is_not_scored_again(world, scorer, served, function):
    world.upload("input/a.jsonl", JSON_LINES)
    shard = world.shard("input/a.jsonl", lane="large")
    before = world.score(shard, model=scorer)
    served.calls.clear()
    function.events.clear()

    assert world.score(shard, model=scorer) == before
    assert not served.calls
    assert not function.events


def rows_of(body):
    (rows,) = read_json_lines([body], SIGNATURE)
    return rows


def outcome(scorer, body=JSON_LINES):
    scored = scorer.score(rows_of(body), Stages())
    return scored.numbers.tolist(), scored.scores.tolist(), scored.bad


def expected_outcome(body=JSON_LINES):
    scored = Model("v1", 0.5, SIGNATURE, numpy_scorer(Artifact(MODEL_TEXT, SIGNATURE, []))).score(
        rows_of(body), Stages()
    )
    return scored.numbers.tolist(), scored.scores.tolist(), scored.bad


def test_records_go_in_mini_batches_to_the_variant_that_serves_the_version(scorer, served, function):
    assert outcome(scorer(records_per_call=10)) == expected_outcome()

    assert [len(event["records"]) for event in function.events].count(10) == 6
    assert {event["modelVersion"] for event in function.events} == {"v1"}
    assert {path.split("/")[-2] for path in function.paths} == {"ml-pipeline-lambda-preprocess"}
    assert max(len(call) for call in served.calls) <= 10
    assert {headers["x-amzn-sagemaker-target-variant"] for _, headers in served.requests} == {"ModelB"}


def test_mini_batches_are_cut_by_bytes_too(scorer, function, monkeypatch):
    monkeypatch.setattr(endpoint_scorer, "MOST_BYTES", 200)

    assert outcome(scorer()) == expected_outcome()
    assert max(len(json.dumps(event["records"])) for event in function.events) < 300


def test_a_record_that_is_larger_than_a_call_may_be_is_checked_where_it_was_read(scorer, monkeypatch):
    monkeypatch.setattr(endpoint_scorer, "MOST_BYTES", 200)
    body = JSON_LINES + orjson.dumps(GOOD | {"origin": "x" * 500}) + b"\n" + JSON_LINES

    assert outcome(scorer(), body) == expected_outcome(body)


def test_an_answer_that_would_be_too_large_is_asked_for_in_halves(scorer, function):
    function.most_bytes_of_an_answer = 900

    assert outcome(scorer(records_per_call=32)) == expected_outcome()
    assert len(function.events) > 4


def test_a_record_of_which_there_is_too_much_to_say_is_named(scorer, function):
    function.most_bytes_of_an_answer = 10

    with pytest.raises(PreprocessingFailed, match="row 1 alone is too much"):
        outcome(scorer(), orjson.dumps(GOOD) + b"\n")


PASSING = [
    wire.error(400, "ThrottlingException"),
    wire.error(503, "ServiceUnavailable"),
    wire.model_error(429),
    wire.model_error(500),
]


@given(st.lists(st.booleans(), max_size=7))
def test_what_passes_is_waited_for_and_changes_nothing(troubles):
    """By fakes, for there are many orders of success and failure."""
    expected = expected_outcome()

    class Function:
        def clean(self, records, model_version, *, text):
            if troubles and troubles.pop():
                raise PreprocessingUnavailable("throttled")
            cleaned = clean([json.loads(record) for record in records], SIGNATURE)
            flaws = {row.row - 1: row.flaws for row in cleaned.bad}
            return type("Preprocessed", (), {"records": cleaned.records, "flaws": flaws})

    class Endpoint:
        def predict(self, records, variant):
            if troubles and troubles.pop():
                raise EndpointUnavailable("throttled")
            entries = [type("P", (), {"score": score}) for score in scores_of(json.loads(orjson.dumps(records)))]
            return type("Answer", (), {"model_version": "v1", "predictions": entries})

    scorer = EndpointScorer(
        VERSION,
        SIGNATURE,
        "ModelA",
        endpoint=Endpoint(),
        preprocess=Function(),
        pressure=NoWaits(in_flight=1, attempts=8),
        records_per_call=7,
    )
    assert outcome(scorer) == expected


@pytest.mark.parametrize("reply", PASSING)
def test_an_endpoint_that_says_later_is_asked_again(scorer, served, reply):
    served.script += [reply] * 2

    assert outcome(scorer()) == expected_outcome()
    assert len(served.calls) == 3


@pytest.mark.parametrize(
    "reply",
    [
        lambda_server.refused(429, "TooManyRequestsException"),
        lambda_server.refused(500, "ServiceException"),
        lambda_server.failed("ServiceUnavailable"),
        lambda_server.failed("Runtime.ExitError"),
        lambda_server.failed("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 30.00 seconds"),
    ],
)
def test_a_function_that_says_later_is_asked_again(scorer, function, reply):
    function.script += [reply] * 2

    assert outcome(scorer()) == expected_outcome()
    assert len(function.events) == 3


def test_patience_has_an_end(scorer, served, function):
    served.script += [PASSING[0]] * 4
    with pytest.raises(EndpointUnavailable):
        outcome(scorer(attempts=4))

    function.script += [lambda_server.refused(429, "TooManyRequestsException")] * 4
    with pytest.raises(PreprocessingUnavailable):
        outcome(scorer(attempts=4))
    assert len(served.calls) == len(function.events) - 1 == 4


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (lambda_server.refused(404, "ResourceNotFoundException"), PreprocessingFailed),
        (lambda_server.refused(403, "AccessDeniedException"), AccessRefused),
        (lambda_server.failed("NoSuchVersion", "v1 is not registered"), PreprocessingFailed),
        ((200, {"X-Amz-Function-Error": "Unhandled"}, b"no json"), PreprocessingFailed),
        ((200, {}, b"null"), PreprocessingFailed),
        ((200, {}, b'{"records": [], "flaws": []}'), PreprocessingFailed),
        ((200, {}, b'{"records": [], "flaws": [{"record": 7, "field": null, "message": "", "kind": "infinite"}]}'),
         PreprocessingFailed),
        ((200, {}, b'{"records": [], "flaws": [{"record": 0, "field": null, "message": "", "kind": "else"}]}'),
         PreprocessingFailed),
    ],
)  # fmt: skip
def test_a_function_that_does_not_do_its_work_is_a_named_error(scorer, function, reply, name):
    function.script.append(reply)

    with pytest.raises(name):
        outcome(scorer(), orjson.dumps(GOOD) + b"\n")
    assert len(function.events) == 1


@pytest.mark.parametrize(
    ("reply", "name", "message"),
    [
        (wire.error(400, "ValidationError"), EndpointRefused, "does not take the request"),
        (wire.predictions([0.5, 0.5], "ModelB"), EndpointAnswerInvalid, "2 predictions for 1 records"),
        (wire.refused((0, "origin", "unknown")), VersionNotServed, "ModelB does not take records that fit v1"),
        (
            (200, {"x-Amzn-Invoked-Production-Variant": "ModelB"},
             b'{"modelVersion": "v2", "predictions": [{"score": 0.5, "prediction": true}]}'),
            VersionNotServed,
            r"ModelB serves v2 by now, and v1 is to score; start the run again with the scorer container or auto",
        ),
    ],
)  # fmt: skip
def test_another_version_never_scores(scorer, served, reply, name, message):
    served.script.append(reply)

    with pytest.raises(name, match=message):
        outcome(scorer(), orjson.dumps(GOOD) + b"\n")
    assert len(served.calls) == 1


def test_a_record_that_no_call_can_carry_is_the_endpoints_limit_and_not_the_versions(scorer, served, monkeypatch):
    monkeypatch.setattr(endpoint, "SAGEMAKER_BODY", replace(endpoint.SAGEMAKER_BODY, value=40))

    with pytest.raises(EndpointRefused, match=r"ModelB cannot be asked: record 0: the record is .* bytes as JSON"):
        outcome(scorer(), orjson.dumps(GOOD) + b"\n")
    assert served.calls == []


def test_where_all_records_are_bad_the_endpoint_is_not_asked(scorer, served):
    numbers, scores, bad = outcome(scorer(), orjson.dumps(GOOD | {"origin": "SFO"}) + b"\n")

    assert (numbers, scores, [row.row for row in bad], served.calls) == ([], [], [1], [])


def test_a_failure_publishes_nothing(world, scorer, served):
    world.upload("input/a.jsonl", JSON_LINES)
    served.script += [wire.error(400, "ValidationError")]

    with pytest.raises(EndpointRefused):
        world.score(world.shard("input/a.jsonl", lane="large"), model=lambda: scorer(records_per_call=5))
    assert world.keys() == []


def test_preprocess_names_a_mistake_in_the_active_version(world):
    name = "/ml-pipeline/models/active-version"
    world.registry._ssm.put_parameter(Name=name, Value="v22", Type="String", Overwrite=True)

    # Where a handler fails, there is nothing to count, of which Powertools warns.
    with pytest.warns(UserWarning, match="No application metrics"), pytest.raises(NoSuchVersion, match="says 'v22'"):
        preprocess.handler({"records": [GOOD]}, CONTEXT)


def test_preprocess_takes_the_active_version_where_none_is_named(world):
    preprocess._signature.cache_clear()

    answer = preprocess.handler({"records": [GOOD | {"extra": 1}, {"origin": "SFO"}]}, CONTEXT)

    assert answer == {
        "records": [GOOD],
        "flaws": [
            {
                "record": 1,
                "field": "distance",
                "message": "no value, and the model needs one",
                "kind": "missing value",
            },
            {
                "record": 1,
                "field": "origin",
                "message": 'the model does not know "SFO"; it knows EWR, JFK, LGA',
                "kind": "unknown category",
            },
        ],
    }


def test_preprocess_reads_numbers_out_of_text(world):
    preprocess._signature.cache_clear()
    event = {
        "records": [{"distance": " 3e2", "wind": "", "origin": "JFK"}, {"distance": "x", "origin": "JFK"}],
        "modelVersion": "v1",
        "text": True,
    }

    answer = preprocess.handler(event, CONTEXT)

    assert answer["records"] == [{"distance": 300.0, "wind": None, "origin": "JFK"}]
    assert [(flaw["record"], flaw["kind"]) for flaw in answer["flaws"]] == [(1, "wrong type")]


def test_the_run_decides_nothing_of_the_scores():
    assert replace(RUN, endpoint_records=1, endpoint_calls_per_second=1).digest == RUN.digest

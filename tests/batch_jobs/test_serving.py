"""From the body of a request to that of its answer: the short ways give what the long ones give."""

import json
import math
import struct

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_jobs.probability_of_one import sigmoid_of_one
from batch_jobs.serving.complaints import examine
from batch_jobs.serving.encoding import RecordEncoder
from batch_jobs.serving.errors import ModelDirectoryIncomplete, RequestRefused
from batch_jobs.serving.model_directory import load
from batch_jobs.serving.predictor import MOST_RECORDS, Predictor
from batch_jobs.serving.traffic import Traffic
from tasks.errors import GoldenRecordsDiffer, InvalidSignature, UnsupportedModel
from tasks.models.artifact import Artifact
from tasks.models.sigmoid import sigmoid
from tasks.records.check import check, rows_from_records
from tasks.records.features import feature_matrix
from tasks.records.signature import Feature, Signature
from tests.batch_jobs.model_files import RECORDS, extract, model_directory, scores
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE

FIELDS = Signature(
    (
        Feature("number", "number"),
        Feature("gap", "number", nullable=True),
        Feature("category", "category", categories=("a", "b", "1")),
        Feature("gap category", "category", nullable=True, categories=("x", "", "null")),
    )
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([0, -0.0, 1e308, 2**1024, -(2**1023), 2**53 + 1]))
TEXTS = st.one_of(st.sampled_from(["a", "b", "1", "x", "", "null"]), st.text(max_size=3))
ANY = st.one_of(NUMBERS, TEXTS, st.none(), st.booleans(), st.lists(st.integers(), max_size=1), st.just({"a": 1}))
ANY_RECORDS = st.lists(st.dictionaries(st.sampled_from([*FIELDS.names, "more"]), ANY), min_size=1, max_size=3)
FINITE = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
GOOD_RECORDS = st.lists(
    st.fixed_dictionaries(
        {"number": FINITE, "category": st.sampled_from(["a", "b", "1"])},
        optional={"gap": st.none() | FINITE, "gap category": st.sampled_from([None, "x", "", "null"])},
    ),
    min_size=1,
    max_size=3,
)


def bits(matrix) -> bytes:
    return np.ascontiguousarray(matrix, np.float64).tobytes()


def checked(records):
    return check(rows_from_records(np.arange(len(records)), records, FIELDS), FIELDS)


@given(ANY_RECORDS)
def test_what_takes_the_short_way_is_good_and_has_the_same_features(records):
    rows = RecordEncoder(FIELDS).encode(records)

    if rows is not None:
        verdict = checked(records)
        assert not verdict.bad
        assert bits(rows) == bits(feature_matrix(verdict.columns, FIELDS))


@given(GOOD_RECORDS)
def test_good_records_of_json_take_the_short_way(records):
    assert RecordEncoder(FIELDS).encode(orjson.loads(orjson.dumps(records))) is not None


@given(ANY_RECORDS)
def test_the_long_way_gives_the_check_s_verdict_and_refuses_fields_that_the_model_lacks(records):
    features, complaints = examine(records, FIELDS)

    verdict = checked(records)
    expected = {(row.row, flaw.field) for row in verdict.bad for flaw in row.flaws}
    unknown = {(place, "more") for place, record in enumerate(records) if "more" in record}
    assert {(complaint.record, complaint.field) for complaint in complaints} == expected | unknown
    assert (features is None) == bool(complaints)
    if features is not None:
        assert bits(features) == bits(feature_matrix(verdict.columns, FIELDS))


@given(st.lists(st.one_of(st.none(), st.integers(), st.just([]), st.just(GOOD)), min_size=1))
def test_what_is_no_object_is_named_by_its_place(records):
    _, complaints = examine(records, SIGNATURE)

    assert [complaint.record for complaint in complaints] == [n for n, record in enumerate(records) if record != GOOD]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_margin_has_the_same_probability_alone_and_among_others(margin):
    (among_others,) = sigmoid(np.array([margin]))

    assert struct.pack("d", sigmoid_of_one(margin)) == struct.pack("d", among_others)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor(load(model_directory(tmp_path_factory.mktemp("model"))), "v1", 0.3, Traffic("v1"))


def body(records) -> bytes:
    return json.dumps({"records": records}).encode()


def long_way(predictor, body):
    return predictor.answer(body)


def in_a_worker(predictor, body):
    return predictor.written(predictor.scores(predictor.plain_rows(body)))


def one_by_one(predictor, body):
    return predictor.written(predictor.scores_one_by_one(predictor.plain_rows(body)))


@pytest.mark.parametrize("answer", [long_way, in_a_worker, one_by_one])
@pytest.mark.parametrize("records", [[record] for record in RECORDS] + [RECORDS, RECORDS[::-1] * 100])
def test_predictions_have_the_bits_of_batch_scoring_in_the_order_of_the_records(predictor, records, answer):
    expected = [{"score": score, "prediction": score >= 0.3} for score in scores(records)]

    assert orjson.loads(answer(predictor, body(records))) == {"modelVersion": "v1", "predictions": expected}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff{}", "not JSON"),
        (b'{"records": [{"origin": "\\ud800"}]}', "not JSON"),
        (b'{"records": ' + b"[" * 100_000, "not JSON"),
        (b"[]", "of the form"),
        (b"null", "of the form"),
        (b"NaN", "of the form"),
        (b"{}", "of the form"),
        (b'{"records": {}}', "of the form"),
        (b'{"records": [{}], "instances": []}', "of the form"),
        (b'{"records": []}', "has 0 records"),
        (b'{"records": [' + b"1," * MOST_RECORDS + b"1]}", "1 to 10000"),
    ],
)
def test_a_body_of_another_form_is_refused(predictor, text, message):
    with pytest.raises(RequestRefused, match=message) as refused:
        predictor.answer(text)

    assert predictor.plain_rows(text) is None
    assert refused.value.status == 400
    assert refused.value.name == "InvalidRequest"


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"distance": "far"}, "distance", '"far" is not a number'),
        ({"distance": True}, "distance", "true is not a number"),
        ({"distance": math.nan}, "distance", "NaN is not a finite number"),
        ({"distance": -math.inf}, "distance", "-inf is not a finite number"),
        ({"distance": None}, "distance", "no value, and the model needs one"),
        ({"wind": [1]}, "wind", "[1] is not a number"),
        ({"origin": 3}, "origin", "3 is not a text"),
        ({"origin": "LHR"}, "origin", 'the model does not know "LHR"; it knows EWR, JFK, LGA'),
        ({"colour": "red"}, "colour", "the model has no such feature"),
    ],
)
def test_a_bad_record_is_named_with_its_field_and_nothing_is_predicted(predictor, change, field, message):
    with pytest.raises(RequestRefused) as refused:
        predictor.answer(body([GOOD, GOOD | change, GOOD]))

    assert predictor.plain_rows(body([GOOD, GOOD | change, GOOD])) is None
    assert refused.value.to_json() == {
        "error": "InvalidRecords",
        "message": "1 of 3 records cannot be scored, so none was",
        "errors": [{"record": 1, "field": field, "message": message}],
    }


def test_many_errors_are_counted_and_not_all_listed(predictor):
    with pytest.raises(RequestRefused, match="200 of 200 records cannot be scored, so none was; 300 more") as refused:
        predictor.answer(body([{}] * 200))

    assert len(refused.value.complaints) == 100


def golden(record=GOOD, score=None):
    return [{"record": record, "score": scores([record])[0] if score is None else score}]


def test_a_model_that_keeps_its_promise_is_loaded(tmp_path):
    assert load(extract(tmp_path, Artifact(MODEL_TEXT, SIGNATURE, golden()))).signature == SIGNATURE


@pytest.mark.parametrize(
    ("artifact", "error", "message"),
    [
        (
            Artifact(MODEL_TEXT, SIGNATURE, golden(score=0.25)),
            GoldenRecordsDiffer,
            "record 1 of model.txt scores .*; 0.25 was promised",
        ),
        (Artifact(MODEL_TEXT, SIGNATURE, []), GoldenRecordsDiffer, "no golden records"),
        (
            Artifact(MODEL_TEXT, SIGNATURE, [{"record": {"distance": 3}, "score": 0.5}]),
            GoldenRecordsDiffer,
            "golden record 1 of model.txt does not fit: origin: no value",
        ),
        (Artifact(MODEL_TEXT, SIGNATURE, [{"record": GOOD}]), UnsupportedModel, "no list of records"),
        (Artifact(MODEL_TEXT, SIGNATURE, golden(score=1.5)), UnsupportedModel, "scores, 0 to 1"),
        (
            Artifact(MODEL_TEXT, FIELDS, golden()),
            InvalidSignature,
            "model.txt has the features distance, wind, origin, and its signature has number",
        ),
        (Artifact("mlp", SIGNATURE, golden()), UnsupportedModel, "not a model in LightGBM's text format"),
        (Artifact("tree\nversion=v3", SIGNATURE, golden()), UnsupportedModel, "LightGBM"),
    ],
)
def test_a_model_that_breaks_its_promise_is_not(tmp_path, artifact, error, message):
    with pytest.raises(error, match=message):
        load(extract(tmp_path, artifact))


@pytest.mark.parametrize("name", ["signature.json", "golden.json"])
def test_a_missing_file_is_named(tmp_path, name):
    (model_directory(tmp_path) / name).unlink()

    with pytest.raises(ModelDirectoryIncomplete, match=f"cannot be read: .*{name}"):
        load(tmp_path)


def test_a_missing_model_is_told_with_the_names_that_it_could_have(tmp_path):
    (model_directory(tmp_path) / "model.txt").unlink()

    with pytest.raises(UnsupportedModel, match=f"{tmp_path}: .*model.txt, model.json, model.ubj, model.onnx"):
        load(tmp_path)


def test_two_models_are_one_too_many(tmp_path):
    (model_directory(tmp_path) / "model.onnx").write_bytes(b"")

    with pytest.raises(UnsupportedModel, match=r"holds model.txt and model.onnx; it must hold one"):
        load(tmp_path)


def test_a_directory_that_is_not_there_holds_nothing(tmp_path):
    with pytest.raises(ModelDirectoryIncomplete, match="gone holds nothing"):
        load(tmp_path / "gone")


@pytest.mark.parametrize("name", ["signature.json", "golden.json"])
def test_a_file_that_is_no_json_is_named(tmp_path, name):
    (model_directory(tmp_path) / name).write_text("{")

    with pytest.raises(UnsupportedModel, match=f"{name} is not JSON"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["model.pkl", "scaler.joblib", "Model.PKL", "model.pt"])
def test_a_pickle_is_refused_by_name_even_beside_a_model_and_never_opened(tmp_path, name):
    (model_directory(tmp_path) / name).write_bytes(b"")

    with pytest.raises(UnsupportedModel, match=f"\\({name}\\): loading one would run its code"):
        load(tmp_path)


def test_a_model_whose_format_its_name_does_not_tell_is_refused_with_the_name_to_give(tmp_path):
    (tmp_path / "xgboost-model").write_bytes(b"{")

    with pytest.raises(UnsupportedModel, match=r"\(xgboost-model\): its name must say its format"):
        load(tmp_path)

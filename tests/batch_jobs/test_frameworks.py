"""Models of XGBoost and ONNX: what the frameworks themselves predict, the same bits everywhere, or a refusal."""

import json
import math
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from batch_jobs.errors import NoProbability
from batch_jobs.scorers import container_scorer, row_scorer
from batch_jobs.serving.errors import RequestRefused
from batch_jobs.serving.model_directory import load, put_to_the_test
from batch_jobs.serving.predictor import Predictor
from batch_jobs.serving.traffic import Traffic
from tasks.errors import GoldenRecordsDiffer, InvalidSignature, UnsupportedModel
from tasks.models.artifact import Artifact, checksum, pack, unpack
from tasks.models.scorers import numpy_scorer, refuse_other_features
from tasks.records.signature import Feature, Signature
from tests.batch_jobs.model_files import extract
from tests.batch_jobs.other_frameworks import (
    booster,
    classifier,
    golden,
    graph_artifact,
    matrix,
    per_feature_artifact,
    records,
    sklearn_artifact,
    training_rows,
    xgboost_artifact,
)
from tests.batch_jobs.score_local_file import main as score_local_file
from tests.tasks.conftest import SIGNATURE

ARTIFACTS = {
    "XGBoost JSON": lambda: xgboost_artifact("model.json"),
    "XGBoost UBJSON": lambda: xgboost_artifact("model.ubj"),
    "XGBoost dart": lambda: xgboost_artifact(kind="dart"),
    "XGBoost without names": lambda: xgboost_artifact(names=False),
    "scikit-learn": sklearn_artifact,
    "scikit-learn without mappings": lambda: sklearn_artifact(zipmap=False),
    "scikit-learn's trees": lambda: sklearn_artifact("trees"),
}
every_framework = pytest.mark.parametrize("make", ARTIFACTS.values(), ids=ARTIFACTS)


def predicted_by_the_framework(artifact: Artifact):
    """What a data scientist sees, of all training rows."""
    features, _ = training_rows()
    if artifact.framework == "xgboost":
        return booster(kind="dart" if b"dart_train_param" in artifact.body else "gbtree").inplace_predict(features)
    return classifier("trees" if b"TreeEnsemble" in artifact.body else "logistic").predict_proba(features)[:, 1]


@every_framework
def test_scores_are_those_of_the_framework_itself(make):
    artifact = make()
    features, _ = training_rows()

    scores = container_scorer(artifact).scores(features)

    assert scores.dtype == np.float64
    assert np.abs(scores - predicted_by_the_framework(artifact)).max() < 1e-6
    assert np.ptp(scores) > 0.5, "the model has something to tell"


@every_framework
def test_a_row_has_the_same_bits_alone_among_others_and_in_any_block(make):
    features, _ = training_rows()
    scorer = container_scorer(make())

    scores = scorer.scores(features)

    alone = row_scorer(scorer)
    assert [alone(row) for row in features.tolist()] == scores.tolist()
    for size in (2, 7, 64, 65):
        blocks = [scorer.scores(features[start : start + size]) for start in range(0, len(features), size)]
        assert np.array_equal(np.concatenate(blocks), scores)
    assert scorer.scores(features[:0]).tolist() == []


@every_framework
def test_threads_do_not_get_each_other_s_scores(make):
    features, _ = training_rows()
    scorer = container_scorer(make())
    expected = scorer.scores(features)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda start: scorer.scores(features[start::7]), [*range(7)] * 5))

    assert all(np.array_equal(scores, expected[place % 7 :: 7]) for place, scores in enumerate(found))


@every_framework
def test_an_artifact_is_packed_unpacked_loaded_and_answers_requests(make, tmp_path):
    artifact = make()
    body = pack(artifact)
    assert unpack(body, checksum(body)) == artifact

    model = load(extract(tmp_path, artifact))
    predictor = Predictor(model, "v2", 0.5, Traffic("v2"))
    request = json.dumps({"records": records()}).encode()

    assert model.framework == artifact.framework
    expected = container_scorer(artifact).scores(matrix(records())).tolist()
    found = [each["score"] for each in orjson.loads(predictor.answer(request))["predictions"]]
    rows = predictor.plain_rows(request)
    assert found == predictor.scores(rows) == predictor.scores_one_by_one(rows) == expected


@every_framework
def test_a_job_writes_the_scores_that_a_server_answers(make, tmp_path):
    artifact = make()
    (tmp_path / "data").mkdir()
    lines = b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records(500))
    (tmp_path / "data" / "rows.jsonl").write_bytes(lines)
    (tmp_path / "artifact").write_bytes(pack(artifact))

    score_local_file(str(tmp_path), "rows.jsonl", str(tmp_path / "artifact"))

    (written,) = (tmp_path / "results").rglob("*.parquet")
    predictor = Predictor(put_to_the_test(artifact), "v1", 0.5, Traffic("v1"))
    request = json.dumps({"records": records(500)}).encode()
    assert pq.read_table(written)["score"].to_pylist() == predictor.scores(predictor.plain_rows(request))


@every_framework
def test_a_broken_promise_beyond_rounding_is_found_before_it_serves(make, tmp_path):
    artifact = make()
    off = [entry | {"score": entry["score"] * 0.9999} for entry in artifact.golden]

    with pytest.raises(GoldenRecordsDiffer, match=r"golden record 1 of model.* scores .* was promised"):
        load(extract(tmp_path, Artifact(artifact.model, SIGNATURE, off, artifact.model_file)))


@every_framework
def test_a_signature_with_another_number_of_features_is_refused(make, tmp_path):
    artifact = make()
    wider = Signature((*SIGNATURE.features, Feature("humidity", "number", nullable=True)))

    with pytest.raises(InvalidSignature, match=r"features.*signature has.*humidity"):
        load(extract(tmp_path, Artifact(artifact.model, wider, artifact.golden, artifact.model_file)))


def test_a_model_that_names_its_features_in_another_order_is_refused():
    artifact = xgboost_artifact()
    turned = Signature(SIGNATURE.features[::-1])

    with pytest.raises(InvalidSignature, match="the model has the features distance, wind, origin, and its signature"):
        refuse_other_features(container_scorer(artifact), turned, "the model")


@pytest.mark.parametrize("value", [1e39, 1e300, -1e300, np.finfo(np.float32).max])
@pytest.mark.parametrize("name", ["XGBoost UBJSON", "scikit-learn's trees"])
def test_trees_take_numbers_beyond_float32_for_very_large_ones(name, value):
    scorer = container_scorer(ARTIFACTS[name]())
    large = math.copysign(1e9, value)

    assert scorer.scores(np.array([[value, 5.0, 1.0]])) == scorer.scores(np.array([[large, 5.0, 1.0]]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a model in XGBoost's JSON or UBJSON"),
        (b"\x80\x04\x95", "not a model in XGBoost's JSON or UBJSON"),
        (b"{}", "XGBoost refused the model: .*Invalid model format"),
        (b'{"learner": {}}', "XGBoost refused the model"),
        (b"{L\x00", "XGBoost refused the model"),
    ],
)
@pytest.mark.parametrize("file", ["model.json", "model.ubj"])
def test_what_is_no_model_of_xgboost_is_refused(body, message, file):
    with pytest.raises(UnsupportedModel, match=message) as refused:
        container_scorer(Artifact(body, SIGNATURE, [], file))

    assert "\n" not in str(refused.value), "a trace of C++ helps nobody"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "reg:squarederror"}, "objective is 'reg:squarederror'; only 'binary:logistic'"),
        ({"objective": "multi:softprob"}, "objective is 'multi:softprob'"),
        ({"kind": "gblinear"}, "booster is 'gblinear'; only gbtree and dart"),
    ],
)
def test_an_xgboost_model_that_is_no_binary_classifier_of_trees_is_refused(options, message):
    body = bytes(booster(**options).save_raw())

    with pytest.raises(UnsupportedModel, match=message):
        container_scorer(Artifact(body, SIGNATURE, [], "model.ubj"))


def test_an_onnx_model_may_take_an_input_per_feature_in_any_order():
    scorer = container_scorer(per_feature_artifact())

    scores = scorer.scores(np.array([[900.0, 2.0, 1.0], [10.0, 0.5, 2.0]]))

    assert scores == pytest.approx([1 / (1 + math.exp(1)), 1 / (1 + math.exp(-1.5))], abs=1e-7)


def scaled(shape_in, shape_out, *, kind=TensorProto.FLOAT, name="input", out="score", node="Sigmoid"):
    return graph_artifact([helper.make_node(node, [name], [out])], [(name, shape_in, kind)], [(out, shape_out, kind)])


def two_outputs(first, second):
    nodes = [helper.make_node("Sigmoid", ["input"], [first]), helper.make_node("Softmax", ["input"], [second])]
    return graph_artifact(nodes, [("input", ["n", 3])], [(first, ["n", 3]), (second, ["n", 3])])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Artifact(b"", SIGNATURE, [], "model.onnx"), UnsupportedModel, "ONNX Runtime refused the model"),
        (lambda: Artifact(b"junk", SIGNATURE, [], "model.onnx"), UnsupportedModel, "ONNX Runtime refused the model"),
        (lambda: scaled(["n", 2], ["n", 2]), InvalidSignature, "takes 2 features, and the signature has 3: distance"),
        (lambda: scaled(["n", 3], ["n", 3]), UnsupportedModel, "output score has 3 classes"),
        (lambda: scaled([8, 3], [8, 3]), UnsupportedModel, "takes 8 rows at a time"),
        (lambda: scaled(["n", 3, 1], ["n", 3, 1]), UnsupportedModel, r"it must be \[n, 3\]"),
        (
            lambda: graph_artifact(
                [helper.make_node("Identity", ["input"], ["score"])],
                [("input", ["n", 3], TensorProto.STRING)],
                [("score", ["n", 3], TensorProto.STRING)],
            ),
            UnsupportedModel,
            r"input input is a tensor\(string\); features are tensor\(float\) or tensor\(double\)",
        ),
        (lambda: two_outputs("one", "other"), UnsupportedModel, r"it has one \(tensor\(float\)\), other"),
        (
            lambda: graph_artifact(
                [helper.make_node("Add", ["a", "b"], ["score"])],
                [("a", ["n", 1]), ("b", ["n", 1])],
                [("score", ["n", 1])],
            ),
            InvalidSignature,
            "takes a, b, and the signature has distance, wind, origin",
        ),
    ],
)
def test_an_onnx_model_of_another_form_is_refused_with_what_is_wrong(make, error, message):
    with pytest.raises(error, match=message):
        container_scorer(make())


def mean(node: str) -> Artifact:
    """A function of the mean of the features: no probability for every row that fits the signature."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node(node, ["mean"], ["score"]),
    ]
    half = {"distance": 0.5, "wind": 0.5, "origin": "EWR"}
    promised = [{"record": half, "score": {"Identity": 1 / 3, "Sqrt": math.sqrt(1 / 3)}[node]}]
    return graph_artifact(nodes, [("input", ["n", 3])], [("score", ["n", 1])], golden=promised)


@pytest.mark.parametrize(
    ("node", "record", "what"),
    [
        ("Identity", {"distance": 30.0, "wind": 0.0, "origin": "EWR"}, "it gives 10.0"),
        ("Sqrt", {"distance": -30.0, "wind": 0.0, "origin": "EWR"}, "it gives nan"),
        ("Identity", {"distance": 0.0, "wind": None, "origin": "EWR"}, "it gives nan"),
        ("Identity", {"distance": 1e300, "wind": 0.0, "origin": "EWR"}, "it gives inf"),
    ],
)
def test_a_good_record_without_a_probability_is_the_model_s_fault_and_named(node, record, what, tmp_path):
    artifact = mean(node)
    good = artifact.golden[0]["record"]
    predictor = Predictor(load(extract(tmp_path, artifact)), "v2", 0.5, Traffic("v2"))
    request = json.dumps({"records": [good, good, record]}).encode()

    for answer in (predictor.answer, lambda body: predictor.scores_one_by_one(predictor.plain_rows(body))):
        with pytest.raises(RequestRefused, match=f"record 2 no probability: {what}") as refused:
            answer(request)
        assert (refused.value.status, refused.value.name) == (500, "ModelFailed")
    with pytest.raises(NoProbability, match=f"row 0 .*: {what}"):
        container_scorer(artifact).scores(matrix([record]))


def test_a_slow_model_is_never_scored_while_everybody_waits(tmp_path):
    model = load(extract(tmp_path, sklearn_artifact()))

    assert Predictor(model, "v", 0.5, Traffic("v")).most_at_once > 0
    slow = type(model)(model.framework, model.signature, model.scorer, model.score_one, row_seconds=0.002)
    assert Predictor(slow, "v", 0.5, Traffic("v")).most_at_once == 0


def test_an_archive_made_by_tar_with_a_dot_before_each_name_is_read(tmp_path):
    artifact = xgboost_artifact()
    extract(tmp_path / "model", artifact)
    subprocess.run(["tar", "-C", tmp_path / "model", "-czf", tmp_path / "model.tar.gz", "."], check=True, timeout=30)
    body = (tmp_path / "model.tar.gz").read_bytes()

    assert unpack(body, checksum(body)) == artifact


def test_the_tolerance_is_for_rounding_in_float32_alone():
    assert Artifact("", SIGNATURE, []).tolerance == 0
    assert struct.unpack("f", struct.pack("f", 0.7))[0] != 0.7
    assert abs(struct.unpack("f", struct.pack("f", 0.7))[0] - 0.7) < xgboost_artifact().tolerance


def test_a_job_and_a_server_of_lightgbm_load_no_other_framework():
    code = (
        "import sys, batch_jobs.score, batch_jobs.serve\n"
        "print([name for name in ('onnxruntime', 'xgboost', 'lightgbm', 'sklearn') if name in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert (shown.stdout, shown.stderr) == ("[]\n", "")


def test_lambda_s_scorer_says_who_takes_other_models():
    with pytest.raises(UnsupportedModel, match=r"model.ubj is a model of xgboost, .* the container scorer takes it"):
        numpy_scorer(Artifact(b"{", SIGNATURE, golden([0.5]), "model.ubj"))

"""The example: its flights, its model and its registration."""

import gzip
from collections import Counter

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from batch_jobs import flights, train
from batch_jobs.__main__ import argument_parser
from batch_jobs.errors import NothingToLearn
from batch_jobs.quality import area_under_curve, feature_statistics, log_loss
from batch_jobs.serving.model_directory import put_to_the_test
from tasks.aws_limits import PARAMETER_STANDARD_VALUE
from tasks.errors import InvalidRunRequest
from tasks.models.artifact import checksum, pack
from tasks.models.forest import Forest
from tasks.models.lightgbm_text import ModelText
from tasks.models.sigmoid import sigmoid
from tasks.models.version import ModelVersion
from tasks.records.check import check, rows_from_records
from tasks.records.features import feature_matrix
from tasks.records.signature import Feature, Signature

FEW_TREES = train.Recipe(trees=10)


@pytest.fixture(scope="module")
def _one_thread():
    """Several threads would wait by spinning, beside other tests on the same processors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train.PARAMETERS, "num_threads", 1)
        yield


@pytest.fixture(scope="module")
def quick(_one_thread):
    """What training on January and February gives."""
    return train.train([1, 2], FEW_TREES)


def test_the_training_rows_are_the_labelled_flights_of_january_to_june():
    table = flights.load_flights(range(1, 7))

    assert table.num_rows == 166_158
    assert table.num_rows - table["arr_delay"].null_count == 160_678
    assert table["temp"].null_count < 200
    assert pc.count_distinct(table["dest"]).as_py() == 100


def test_july_s_files_hold_every_flight_once_and_not_its_outcome(tmp_path):
    files = flights.write_july(tmp_path / "july")
    flights.write_july_outcomes(tmp_path / "outcomes.parquet")

    kinds = Counter("".join(file.suffixes).lstrip("0123456789-.") for file in files)
    assert kinds == {"jsonl.gz": 7, "csv": 7, "parquet": 8}
    outcomes = pq.read_table(tmp_path / "outcomes.parquet")
    rows = Counter(outcomes["source"].to_pylist())
    assert sum(rows.values()) == 29_425
    first = [orjson.loads(line) for line in gzip.decompress(files[0].read_bytes()).splitlines()]
    assert len(first) == rows["2013-07-01.jsonl.gz"]
    assert set(flights.FEATURES) < first[0].keys()
    assert "arr_delay" not in first[0]
    assert files[7].read_text().count("\n") - 1 == rows["2013-07-08.csv"]
    backfill = pq.ParquetFile(files[-1])
    assert backfill.metadata.num_rows == rows["2013-07-22-to-31.parquet"]
    assert backfill.metadata.num_row_groups > 1
    assert 0.2 < pc.mean(outcomes["late"].cast(pa.int8())).as_py() < 0.4


def test_training_again_gives_the_same_bytes_and_says_the_same_of_them(quick):
    artifact, *measured = train.train([1, 2], FEW_TREES)

    assert pack(artifact) == pack(quick[0])
    assert measured == list(quick[1:])


def test_a_directory_gets_the_metadata_beside_the_artifact_the_same_wherever_and_whenever(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "train", lambda months, recipe: quick)
    for name in ("here", "there"):
        train.run(argument_parser().parse_args(["train", "--version", "v1", "--output", str(tmp_path / name)]))

    body = (tmp_path / "here/v1/version.json").read_bytes()
    assert body == (tmp_path / "there/v1/version.json").read_bytes()
    document = orjson.loads(body)
    assert list(document) == ["versionId", "sha256", "framework", "threshold", "signature", "baseline", "statistics"]
    assert document["sha256"] == checksum((tmp_path / "here/v1/model.tar.gz").read_bytes())
    assert Signature.from_json(document["signature"]) == quick[0].signature


def test_the_artifact_scores_its_golden_records_as_promised(quick):
    artifact, _, _ = quick
    records = [golden["record"] for golden in artifact.golden]
    checked = check(rows_from_records(np.arange(1, 21), records, artifact.signature), artifact.signature)

    assert checked.bad == []
    scores = sigmoid(Forest(artifact.model_text).margin(feature_matrix(checked.columns, artifact.signature)))
    assert scores.tolist() == [golden["score"] for golden in artifact.golden]


def test_the_defaults_of_the_command_are_the_example_s_recipe():
    asked = argument_parser().parse_args(["train", "--version", "v1", "--output", "x"])

    assert train.Recipe(asked.trees, asked.leaves, asked.framework) == train.RECIPE == (300, 63, "lightgbm")


@pytest.mark.usefixtures("_one_thread")
def test_as_many_trees_and_leaves_are_learned_as_asked_for():
    simple, _, _ = train.train([1], train.Recipe(trees=2, leaves=3))

    trees = ModelText.parse(simple.model_text).trees
    assert [len(tree.leaf_value) for tree in trees] == [3, 3]


def test_another_library_learns_the_same_question(quick):
    recipe = train.Recipe(trees=5, framework="xgboost")

    artifact, measured, _ = train.train([1], recipe)

    assert (artifact.framework, artifact.signature.names) == ("xgboost", quick[0].signature.names)
    assert put_to_the_test(artifact).framework == "xgboost"
    assert measured["auc"] > 0.6
    assert pack(train.train([1], recipe)[0]) == pack(artifact), "the same bytes again"


def test_the_baseline_is_measured_on_the_last_month(quick):
    _, measured, _ = quick

    february = flights.load_flights([2])
    assert measured["rows"] == february.num_rows - february["arr_delay"].null_count
    assert 0.5 < measured["auc"] < 0.7, "January alone tells little about February"


def test_the_metadata_fits_into_a_parameter(quick):
    artifact, measured, statistics = quick
    version = ModelVersion(
        "v1" * 30,
        "s3://" + "x" * 200,
        "0" * 64,
        "2026-11-23T00:00:00Z",
        "lightgbm",
        0.5,
        artifact.signature,
        measured,
        statistics,
        image="000000000000.dkr.ecr.us-east-1.amazonaws.com/" + "r" * 256 + "@sha256:" + "0" * 64,
    )
    registered, _ = version.registration()

    assert len(registered.to_json()) < PARAMETER_STANDARD_VALUE.value / 2


def test_months_without_labels_cannot_be_learned_from(monkeypatch):
    monkeypatch.setattr(flights, "load_flights", lambda months: pa.table({"arr_delay": pa.nulls(3, pa.int64())}))
    with pytest.raises(NothingToLearn):
        train.train([1])


@pytest.mark.parametrize(("text", "months"), [("1-6", [1, 2, 3, 4, 5, 6]), ("12", [12]), ("3, 1,2-3", [1, 2, 3])])
def test_months_are_lists_and_ranges(text, months):
    assert train.parse_months(text) == months


@pytest.mark.parametrize("text", ["", "0", "13", "6-1", "jan", "1-"])
def test_what_are_no_months_is_refused(text):
    with pytest.raises(InvalidRunRequest, match="1-6"):
        train.parse_months(text)


def test_auc_counts_ties_half():
    labels = np.array([0.0, 1.0, 0.0, 1.0])

    assert area_under_curve(labels, np.array([0.1, 0.9, 0.2, 0.8])) == 1.0
    assert area_under_curve(labels, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert area_under_curve(labels, np.array([0.1, 0.5, 0.5, 0.9])) == 0.875


def test_log_loss_of_certainty_is_zero_and_of_a_coin_is_ln_2():
    labels = np.array([0.0, 1.0])

    assert log_loss(labels, labels) == 0.0
    assert log_loss(labels, np.array([0.5, 0.5])) == pytest.approx(np.log(2))


def test_statistics_describe_missing_values_bins_and_categories():
    signature = Signature((Feature("n", "number", True), Feature("c", "category", categories=("a", "b", "c"))))
    matrix = np.column_stack([np.arange(100.0), np.arange(100) % 2])
    matrix[:20, 0] = np.nan

    found = feature_statistics(matrix, signature, np.full(100, 0.5))

    assert found["n"]["missing"] == 0.2
    assert len(found["n"]["edges"]) == 9
    assert found["n"]["proportions"] == pytest.approx([0.1] * 10, abs=0.02)
    assert found["c"] == {"missing": 0.0, "proportions": [0.5, 0.5, 0.0]}
    assert found["score"]["proportions"] == [1.0, 0.0]

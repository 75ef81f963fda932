"""The numpy scorer on a model small enough to follow by hand, and the sigmoid. See also tests/batch_jobs."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UnsupportedModel
from tasks.models.forest import _DE_BRUIJN, Forest, _hashed
from tasks.models.sigmoid import sigmoid
from tests.tasks.conftest import MODEL_TEXT

NAN = float("nan")


@pytest.mark.parametrize(
    ("row", "margin"),
    [
        ((300, 5, 1), -1.5 + 0.5),
        ((500, 5, 1), -1.5 + 0.5),
        ((np.nextafter(500, 501), 5, 1), 0.25 + 0.5),
        ((900, 10.5, 0), 1.125 - 0.5),
        ((900, NAN, 2), 1.125 - 0.5),
        ((NAN, 5, NAN), -1.5 - 0.5),
    ],
)
def test_each_row_gets_the_leaves_that_it_reaches(row, margin):
    assert Forest(MODEL_TEXT).margin(np.array([row], np.float64)).tolist() == [margin]


def test_no_rows_give_no_margins():
    assert Forest(MODEL_TEXT).margin(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("is_linear=0", "is_linear=1", "linear trees"),
        ("objective=binary sigmoid:1", "objective=multiclass num_class:3", "objective is 'multiclass"),
        ("objective=binary sigmoid:1", "objective=binary sigmoid:2", "objective is 'binary sigmoid:2'"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3", "several trees"),
        ("label_index=0", "label_index=0\naverage_output", "boosting=rf"),
        ("version=v4", "version=v3", "format v3"),
        ("tree\nversion", "forest\nversion", "not a model in LightGBM's text format"),
    ],
)
def test_a_model_that_it_cannot_evaluate_is_refused_by_name(old, new, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        Forest(MODEL_TEXT.replace(old, new))


def test_each_leaf_has_a_place_of_its_own():
    bits = np.uint64(1) << np.arange(64, dtype=np.uint64)
    assert sorted(_hashed(bits)) == list(range(64)), hex(_DE_BRUIJN)


@given(st.floats(-800, 800))
def test_the_sigmoid_is_right_to_the_last_few_bits(margin):
    exact = 1 / (1 + math.exp(-margin)) if margin > -700 else math.exp(margin)
    (ours,) = sigmoid(np.array([margin])).tolist()
    assert ours == pytest.approx(exact, rel=1e-14, abs=5e-324)
    assert 0 <= ours <= 1


def test_the_sigmoid_has_known_bits_on_every_machine():
    margins = np.array([-700.5, -37.25, -1.0, -0.1, 0.0, 1e-9, 0.3, 2.0, 36.5, 800.0])
    alone = [float(sigmoid(margins[at : at + 1])[0]) for at in range(len(margins))]
    assert sigmoid(margins).tolist() == alone
    assert sigmoid(np.array([-1.0, 0.3, 2.0])).tolist() == [0.2689414213699951, 0.574442516811659, 0.8807970779778823]


@pytest.mark.parametrize(
    "handler",
    [
        "normalise_run",
        "plan_shards",
        "score_shard",
        "check_shards",
        "summarise_run",
        "halt_run",
        "predict",
        "score_stream",
        "ship_model",
    ],
)
def test_a_handler_loads_nothing_that_would_slow_its_start(handler):
    heavy = "boto3 pandas lightgbm sklearn scipy duckdb aws_xray_sdk sagemaker stepfunctions workflows infra"
    code = (
        f"import sys, tasks.handlers.{handler}\nprint(*[name for name in {heavy!r}.split() if name in sys.modules])\n"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.split() == []

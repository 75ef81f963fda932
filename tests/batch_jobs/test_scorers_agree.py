"""Both scorers, and LightGBM's own package, give the same bits."""

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_jobs.native import NativeForest
from tasks.errors import UnsupportedModel
from tasks.models.forest import Forest

SPECIAL = [
    np.nan,
    0.0,
    -0.0,
    1e-36,
    -1e-36,
    1e-35,
    1.0,
    -1.0,
    0.5,
    2.0,
    31.0,
    32.0,
    63.0,
    64.0,
    200.0,
    -7.5,
    1e9,
    -1e300,
]


@st.composite
def models(draw):
    """A random small model: numbers and categories, missing values as NaN, as zero, or not at all."""
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.sampled_from([60, 500]))
    numbers = np.round(noise.normal(size=(rows, 2)) * draw(st.sampled_from([0.5, 3.0])), draw(st.sampled_from([0, 3])))
    categories = noise.integers(0, draw(st.sampled_from([2, 5, 40, 130])), size=(rows, 2)).astype(float)
    features = np.hstack([numbers, categories])
    features[noise.random(features.shape) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    signal = np.nan_to_num(features[:, 0]) + np.sin(np.nan_to_num(features[:, 2]) * 1.7)
    labels = (signal + noise.normal(size=rows) * 0.5 > 0.2).astype(float)
    parameters = {
        "objective": "binary",
        "num_leaves": draw(st.sampled_from([2, 7, 31, 64, 150])),
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 1e-6,
        "min_data_per_group": 1,
        "cat_smooth": 1,
        "max_cat_to_onehot": draw(st.sampled_from([1, 4])),
        "use_missing": draw(st.booleans()),
        "zero_as_missing": draw(st.booleans()),
        "learning_rate": 0.3,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(features, labels, categorical_feature=[2, 3], params=parameters)
    booster = lightgbm.train(parameters, data, draw(st.sampled_from([1, 12])))
    probe = np.vstack([features, noise.choice(SPECIAL, size=(300, 4))])
    return booster, probe


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(models())
def test_all_scorers_give_the_same_bits(model):
    booster, features = model
    text = booster.model_to_string()

    expected = booster.predict(features, raw_score=True, num_threads=1)

    native = NativeForest(text)
    single = native.for_single_rows()
    assert np.array_equal(native.margin(features), expected)
    assert [single.margin(row) for row in features.tolist()] == expected.tolist()
    assert np.array_equal(Forest(text).margin(features), expected)


def test_blocks_do_not_show():
    noise = np.random.default_rng(5)
    features = noise.normal(size=(5_000, 3))
    data = lightgbm.Dataset(features, (features[:, 0] > 0).astype(float))
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 5)
    forest = Forest(booster.model_to_string())

    assert np.array_equal(
        forest.margin(features), np.concatenate([forest.margin(features[at : at + 1]) for at in range(5_000)])
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "regression"},
        {"objective": "multiclass", "num_class": 3},
        {"objective": "binary", "sigmoid": 2.0},
        {"objective": "binary", "linear_tree": True},
        {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ],
)
def test_both_refuse_the_same_models(parameters):
    noise = np.random.default_rng(5)
    features = noise.normal(size=(300, 3))
    labels = noise.integers(0, 3 if "num_class" in parameters else 2, size=300)
    data = lightgbm.Dataset(features, labels, params=parameters | {"verbosity": -1})
    text = lightgbm.train(parameters | {"verbosity": -1, "num_threads": 1}, data, 3).model_to_string()

    for scorer in (Forest, NativeForest):
        with pytest.raises(UnsupportedModel):
            scorer(text)

"""Small models of XGBoost and ONNX with the signature of the tests, as data scientists would make them.

Their golden scores are what the framework itself gives.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import onnx
import xgboost
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tasks.models.artifact import Artifact
from tasks.records.check import check, rows_from_records
from tasks.records.features import feature_matrix
from tests.tasks.conftest import SIGNATURE

ORIGINS = ("EWR", "JFK", "LGA")


@cache
def training_rows():
    """Features float64[n, 3] with gaps in the second column, and labels 0 and 1."""
    noise = np.random.default_rng(3)
    features = np.column_stack([noise.random(600) * 3_000, noise.random(600) * 40, noise.integers(0, 3, 600)])
    labels = (features[:, 0] / 1_000 + features[:, 2] + noise.normal(size=600) > 2.5).astype(int)
    features[noise.random(600) < 0.2, 1] = np.nan
    return features, labels


def records(count: int = 20):
    """The first training rows as records."""
    features, _ = training_rows()
    return [
        {"distance": row[0], "wind": None if np.isnan(row[1]) else row[1], "origin": ORIGINS[int(row[2])]}
        for row in features[:count].tolist()
    ]


def matrix(of):
    """The features of records."""
    return feature_matrix(check(rows_from_records(np.arange(len(of)), of, SIGNATURE), SIGNATURE).columns, SIGNATURE)


def golden(scores):
    """The first records with these scores."""
    return [
        {"record": record, "score": float(score)} for record, score in zip(records(len(scores)), scores, strict=True)
    ]


@cache
def booster(objective="binary:logistic", kind="gbtree", names=True) -> xgboost.Booster:
    """XGBoost, with its own treatment of gaps and categories."""
    features, labels = training_rows()
    named = {"feature_names": SIGNATURE.names} if names else {}
    types = ["float", "float", "float" if kind == "gblinear" else "c"]
    data = xgboost.DMatrix(features, labels, feature_types=types, enable_categorical=True, **named)
    parameters = {"objective": objective, "booster": kind, "max_depth": 4, "nthread": 1, "verbosity": 0}
    if objective.startswith("multi"):
        parameters["num_class"] = 3
    return xgboost.train(parameters, data, 15)


def xgboost_artifact(file: str = "model.ubj", **options) -> Artifact:
    """An XGBoost model in a format of its own."""
    model = booster(**options)
    body = bytes(model.save_raw(raw_format=file.removeprefix("model.")))
    scores = model.inplace_predict(training_rows()[0][:20])
    return Artifact(body, SIGNATURE, golden(scores), file)


@cache
def classifier(kind: str):
    """A fitted pipeline of scikit-learn."""
    models = {
        "logistic": lambda: make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        "trees": lambda: HistGradientBoostingClassifier(max_iter=20),
    }
    return models[kind]().fit(*training_rows())


def sklearn_artifact(kind: str = "logistic", *, zipmap: bool = True) -> Artifact:
    """A model of scikit-learn, exported to ONNX; by default with skl2onnx's mappings of classes."""
    model = classifier(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of numpy, about what skl2onnx does with trees
        graph = to_onnx(
            model,
            initial_types=[("input", FloatTensorType([None, 3]))],
            options=None if zipmap else {id(model): {"zipmap": False}},
        )
    scores = model.predict_proba(training_rows()[0][:20])[:, 1]
    return Artifact(graph.SerializeToString(), SIGNATURE, golden(scores), "model.onnx")


def graph_artifact(nodes, inputs, outputs, golden=(), constants=()) -> Artifact:
    """A graph by hand: inputs and outputs are (name, shape) or (name, shape, type)."""

    def described(values):
        return [helper.make_tensor_value_info(v[0], v[2] if len(v) > 2 else TensorProto.FLOAT, v[1]) for v in values]

    graph = helper.make_graph(nodes, "g", described(inputs), described(outputs), initializer=list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return Artifact(model.SerializeToString(), SIGNATURE, golden, "model.onnx")


def per_feature_artifact() -> Artifact:
    """One input per feature, in another order than the signature's, of both float types: sigmoid(origin - wind)."""
    nodes = [
        helper.make_node("Cast", ["wind"], ["narrow"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["origin", "narrow"], ["difference"]),
        helper.make_node("Mul", ["distance", "zero"], ["nothing"]),
        helper.make_node("Add", ["difference", "nothing"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["score"]),
    ]
    constants = [helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])]
    inputs = [("origin", ["n", 1]), ("wind", ["n", 1], TensorProto.DOUBLE), ("distance", ["n", 1])]
    return graph_artifact(nodes, inputs, [("score", ["n", 1])], constants=constants)

"""The model directory: the extracted artifact, read and put to the test before it serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from batch_jobs.native import NativeForest
from batch_jobs.serving.errors import GoldenRecordsDiffer, ModelDirectoryIncomplete
from batch_jobs.serving.probability_of_one import sigmoid_of_one
from tasks.artifact import Artifact
from tasks.errors import InvalidSignature, UnsupportedModel
from tasks.features import feature_matrix
from tasks.probability import sigmoid
from tasks.records import check, rows_from_records
from tasks.signature import Signature

_MODEL, _SIGNATURE, _GOLDEN = "model.txt", "signature.json", "golden.json"
#: Files of other frameworks, by the end of their names.
_OTHERS = {
    ".onnx": "an ONNX model",
    "xgboost-model": "an XGBoost model",
    ".ubj": "an XGBoost model",
    ".pkl": "a pickled model",
    ".joblib": "a pickled model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".safetensors": "a safetensors model",
    "saved_model.pb": "a TensorFlow model",
}


@dataclass(frozen=True)
class LoadedModel:
    """A model that gave its golden records the scores that were promised."""

    signature: Signature
    forest: NativeForest


def load(directory: Path) -> LoadedModel:
    """Read a model directory and score its golden records, together and one by one.

    Raises
    ------
    ModelDirectoryIncomplete
        If a file is missing or unreadable; names it, and what lies there instead.
    UnsupportedModel
        If the model is of another framework, or one that our scorers do not evaluate.
    InvalidSignature
        If the signature contradicts itself or the trees.
    GoldenRecordsDiffer
        If there is no golden record, or one gets another score.
    """
    artifact = _read(directory)
    forest, signature = NativeForest(artifact.model_text), artifact.signature
    if forest.feature_names != signature.names:
        raise InvalidSignature(
            f"the trees in {directory / _MODEL} have the features {', '.join(forest.feature_names)}, and "
            f"{_SIGNATURE} has {', '.join(signature.names)}"
        )
    _compare_golden_scores(artifact, forest)
    return LoadedModel(signature, forest)


def _read(directory: Path) -> Artifact:
    there = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    if _MODEL not in there:
        for name in there:
            for end, what in _OTHERS.items():
                if name.endswith(end):
                    raise UnsupportedModel(
                        f"{directory} holds {what} ({name}); only LightGBM's text format ({_MODEL}) is served"
                    )
    missing = [name for name in (_MODEL, _SIGNATURE, _GOLDEN) if name not in there]
    if missing:
        raise ModelDirectoryIncomplete(
            f"{directory} lacks {', '.join(missing)} of an extracted model.tar.gz; it holds "
            + (", ".join(there) or "nothing")
        )
    try:
        text = (directory / _MODEL).read_text()
        signature = Signature.from_json(orjson.loads((directory / _SIGNATURE).read_bytes()))
        golden = orjson.loads((directory / _GOLDEN).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelDirectoryIncomplete(f"{directory} cannot be read: {error}") from error
    if not isinstance(golden, list) or not all(
        isinstance(each, dict) and isinstance(each.get("record"), dict) and isinstance(each.get("score"), float)
        for each in golden
    ):
        raise ModelDirectoryIncomplete(f"{directory / _GOLDEN} is no list of records with their scores")
    return Artifact(text, signature, golden)


def _compare_golden_scores(artifact: Artifact, forest: NativeForest) -> None:
    if not artifact.golden:
        raise GoldenRecordsDiffer("the model has no golden records, so that nothing tells whether it scores rightly")
    signature = artifact.signature
    records: list[Any] = [golden["record"] for golden in artifact.golden]
    promised = [golden["score"] for golden in artifact.golden]
    checked = check(rows_from_records(np.arange(1, len(records) + 1), records, signature), signature)
    if checked.bad:
        raise GoldenRecordsDiffer(f"golden record {checked.bad[0].row} does not fit: {checked.bad[0].reason}")
    features = feature_matrix(checked.columns, signature)
    together = sigmoid(forest.margin(features)).tolist()
    single = forest.for_single_rows()
    alone = [sigmoid_of_one(single.margin(row)) for row in features.tolist()]
    for number, scores in enumerate(zip(promised, together, alone, strict=True), start=1):
        if len(set(scores)) > 1:
            raise GoldenRecordsDiffer(
                f"golden record {number} scores {scores[1]!r} in a batch and {scores[2]!r} alone; {scores[0]!r} was "
                "promised"
            )

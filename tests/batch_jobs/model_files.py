"""A model directory as the extraction of an artifact leaves it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np

from tasks.models.artifact import Artifact, pack
from tasks.models.forest import Forest
from tasks.models.sigmoid import sigmoid
from tasks.records.check import check, rows_from_records
from tasks.records.features import feature_matrix
from tasks.records.signature import Signature
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE

RECORDS = [GOOD, GOOD | {"wind": None}, {"distance": 900, "wind": 12.5, "origin": "EWR"}]


def scores(records, text: str = MODEL_TEXT, signature: Signature = SIGNATURE) -> list[float]:
    """What batch scoring gives, by the trees in numpy."""
    checked = check(rows_from_records(np.arange(1, len(records) + 1), records, signature), signature)
    assert not checked.bad
    return sigmoid(Forest(text).margin(feature_matrix(checked.columns, signature))).tolist()


def extract(directory: Path, artifact: Artifact) -> Path:
    """Write the files of an artifact to a new directory."""
    with tarfile.open(fileobj=io.BytesIO(pack(artifact))) as tar:
        tar.extractall(directory, filter="data")
    return directory


def model_directory(directory: Path) -> Path:
    """A directory with the small model of the tests."""
    golden = [{"record": record, "score": score} for record, score in zip(RECORDS, scores(RECORDS), strict=True)]
    return extract(directory, Artifact(MODEL_TEXT, SIGNATURE, golden))

"""Golden records: the ones with known scores that come with a model, and show that it is what it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.errors import GoldenRecordsDiffer
from tasks.models.artifact import Artifact
from tasks.records.check import check, rows_from_records
from tasks.records.features import Matrix, feature_matrix


def golden_features(artifact: Artifact, model: str) -> Matrix:
    """The features float64[n, k] of the golden records, at least one.

    Parameters
    ----------
    model
        What to call the model, such as `version v2`.

    Raises
    ------
    GoldenRecordsDiffer
        If there is none, or one does not fit the signature.
    """
    records = [golden["record"] for golden in artifact.golden]
    if not records:
        raise GoldenRecordsDiffer(f"{model} has no golden records, so nothing tells whether it is right")
    numbers = np.arange(1, len(records) + 1, dtype=np.int64)
    checked = check(rows_from_records(numbers, records, artifact.signature), artifact.signature)
    if checked.bad:
        bad = checked.bad[0]
        raise GoldenRecordsDiffer(f"golden record {bad.row} of {model} does not fit: {bad.reason}")
    return feature_matrix(checked.columns, artifact.signature)


def compare_golden_scores(artifact: Artifact, scores: Sequence[float], model: str) -> None:
    """Compare the scores of all golden records with the promised ones.

    Raises
    ------
    GoldenRecordsDiffer
        If one differs by more than the framework's tolerance.
    """
    for number, (golden, score) in enumerate(zip(artifact.golden, scores, strict=True), start=1):
        if abs(score - golden["score"]) > artifact.tolerance:
            raise GoldenRecordsDiffer(
                f"golden record {number} of {model} scores {score!r}; {golden['score']!r} was promised"
            )

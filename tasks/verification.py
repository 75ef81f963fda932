"""Is the artifact of a version the one that was registered, and can it be scored with? Asked before it is trusted."""

from __future__ import annotations

import numpy as np

from tasks.artifact import Artifact
from tasks.errors import GoldenRecordsDiffer, InvalidSignature
from tasks.features import Matrix, feature_matrix
from tasks.models import ModelVersion, fetch_artifact
from tasks.records import check, rows_from_records
from tasks.scorers import numpy_scorer
from tasks.storage import Storage


def verify(version: ModelVersion, storage: Storage) -> Artifact:
    """Fetch a version's artifact and put it to the test.

    Raises
    ------
    ArtifactMissing, ArtifactTampered
        If it is not there, or its bytes are not the registered ones.
    UnsupportedModel, InvalidSignature, GoldenRecordsDiffer
        If its format is not served, its signature not the registered one, or as `try_out`.
    """
    artifact = fetch_artifact(version, storage)
    try_out(artifact, version.version_id)
    return artifact


def try_out(artifact: Artifact, version_id: str) -> None:
    """Put an artifact to the test.

    LightGBM's trees are loaded and score the golden records here. Models of other frameworks are not opened, for their
    libraries are in the container alone: that scores the golden records before it serves, and the smoke test of a
    deployment asks for them once more.

    Raises
    ------
    UnsupportedModel
        If the model uses what our scorers do not evaluate.
    InvalidSignature
        If the signature contradicts the model.
    GoldenRecordsDiffer
        If there are no golden records, one does not fit the signature, or one gets another score than promised.
    """
    features = _golden_features(artifact, version_id)
    if artifact.framework == "lightgbm":
        _score(artifact, features, version_id)


def _golden_features(artifact: Artifact, version_id: str) -> Matrix:
    records = [golden["record"] for golden in artifact.golden]
    if not records:
        raise GoldenRecordsDiffer(f"version {version_id} has no golden records, so nothing tells whether it is right")
    numbers = np.arange(1, len(records) + 1, dtype=np.int64)
    checked = check(rows_from_records(numbers, records, artifact.signature), artifact.signature)
    if checked.bad:
        bad = checked.bad[0]
        raise GoldenRecordsDiffer(f"golden record {bad.row} of version {version_id} does not fit: {bad.reason}")
    return feature_matrix(checked.columns, artifact.signature)


def _score(artifact: Artifact, features: Matrix, version_id: str) -> None:
    scorer = numpy_scorer(artifact)
    if list(scorer.feature_names) != artifact.signature.names:
        raise InvalidSignature(
            f"model {version_id} has the features {', '.join(map(str, scorer.feature_names))}, "
            f"and its signature has {', '.join(artifact.signature.names)}"
        )
    scores = scorer.scores(features).tolist()
    for number, (golden, score) in enumerate(zip(artifact.golden, scores, strict=True), start=1):
        if abs(score - golden["score"]) > artifact.tolerance:
            raise GoldenRecordsDiffer(
                f"golden record {number} of version {version_id} scores {score!r}; {golden['score']!r} was promised"
            )

"""Is the artifact of a version the one that was registered, and can it be scored with? Asked before it is trusted."""

from __future__ import annotations

from tasks.models.artifact import Artifact
from tasks.models.golden import compare_golden_scores, golden_features
from tasks.models.registry import fetch_artifact
from tasks.models.scorers import numpy_scorer, refuse_other_features
from tasks.models.version import RegisteredVersion
from tasks.storage import Storage


def verify(version: RegisteredVersion, storage: Storage) -> Artifact:
    """Fetch a version's artifact and put it to the test.

    Raises
    ------
    ArtifactMissing, ArtifactTampered
        If it or the signature is not there, or its bytes are not the registered ones.
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
    model = f"version {version_id}"
    features = golden_features(artifact, model)
    if artifact.framework == "lightgbm":
        scorer = numpy_scorer(artifact)
        refuse_other_features(scorer, artifact.signature, model)
        compare_golden_scores(artifact, scorer.scores(features).tolist(), model)

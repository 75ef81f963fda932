"""The model directory: the extracted artifact, read and put to the test before it serves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from batch_jobs.scorers import RowScorer, container_scorer, row_scorer
from batch_jobs.serving.errors import ModelDirectoryIncomplete
from tasks.errors import GoldenRecordsDiffer, UnsupportedModel
from tasks.models.artifact import Artifact, Framework, read_artifact
from tasks.models.golden import compare_golden_scores, golden_features
from tasks.models.scorers import Scorer, refuse_other_features
from tasks.records.features import Matrix
from tasks.records.signature import Signature


@dataclass(frozen=True)
class LoadedModel:
    """A model that gave its golden records the scores that were promised.

    `score_one` gives the bits of `scorer`, in one thread; `row_seconds` is what it took for a golden record.
    """

    framework: Framework
    signature: Signature
    scorer: Scorer
    score_one: RowScorer
    row_seconds: float


def load(directory: Path) -> LoadedModel:
    """Read a model directory and put its model to the test.

    Raises
    ------
    ModelDirectoryIncomplete
        If a file is missing or unreadable; names it.
    UnsupportedModel, InvalidSignature, GoldenRecordsDiffer
        If a file is not what its name says, or the model does not pass.
    """
    return put_to_the_test(_read(directory))


def put_to_the_test(artifact: Artifact) -> LoadedModel:
    """Load a model and score its golden records, together and one by one.

    Raises
    ------
    UnsupportedModel
        If the model is of a kind that is not served.
    InvalidSignature
        If the signature and the model contradict each other.
    GoldenRecordsDiffer
        If there is no golden record, or one gets another score.
    """
    scorer = container_scorer(artifact)
    refuse_other_features(scorer, artifact.signature, artifact.model_file)
    score_one = row_scorer(scorer)
    features = golden_features(artifact, artifact.model_file)
    together = scorer.scores(features).tolist()
    alone, row_seconds = _one_by_one(score_one, features)
    _compare(artifact, together, alone)
    return LoadedModel(artifact.framework, artifact.signature, scorer, score_one, row_seconds)


def _read(directory: Path) -> Artifact:
    there = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    if not there:
        raise ModelDirectoryIncomplete(f"{directory} holds nothing; it must hold the files of a model.tar.gz")
    try:
        return read_artifact(there, lambda name: (directory / name).read_bytes())
    except OSError as error:
        raise ModelDirectoryIncomplete(f"{directory} cannot be read: {error}") from error
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{directory}: {error}") from error


def _one_by_one(score_one: RowScorer, features: Matrix) -> tuple[list[float], float]:
    scores, seconds = [], []
    for row in features.tolist():
        start = time.perf_counter()
        scores.append(score_one(row))
        seconds.append(time.perf_counter() - start)
    return scores, min(seconds)


def _compare(artifact: Artifact, together: list[float], alone: list[float]) -> None:
    compare_golden_scores(artifact, together, artifact.model_file)
    for number, (batch, single) in enumerate(zip(together, alone, strict=True), start=1):
        if batch != single:
            raise GoldenRecordsDiffer(
                f"golden record {number} of {artifact.model_file} scores {batch!r} in a batch and {single!r} alone"
            )

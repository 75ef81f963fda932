"""The scorers of the container: each framework's own library. The batch job and the model server share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from batch_jobs.native import NativeForest
from batch_jobs.probability_of_one import sigmoid_of_one
from tasks.models.artifact import Artifact
from tasks.models.scorers import MarginScorer, Scorer

RowScorer = Callable[[Sequence[float]], float]


class LightGbmScorer(MarginScorer):
    """LightGBM's own library."""

    def __init__(self, text: str) -> None:
        self._forest = NativeForest(text)
        super().__init__(self._forest)

    def for_single_rows(self) -> RowScorer:
        """As `row_scorer`, without a matrix."""
        margin = self._forest.for_single_rows().margin
        return lambda row: sigmoid_of_one(margin(row))


def container_scorer(artifact: Artifact) -> Scorer:
    """A scorer of an artifact of any framework.

    Raises
    ------
    UnsupportedModel
        If the framework's library does not load the model, or it is none that is served.
    InvalidSignature
        If an ONNX model takes other features than the signature has.
    """
    # A framework that is not used is not loaded: that costs each job memory and time.
    if artifact.framework == "xgboost":
        from batch_jobs.xgboost_model import XGBoostModel

        return MarginScorer(XGBoostModel(artifact.body))
    if artifact.framework == "onnx":
        from batch_jobs.onnx_model import OnnxModel

        return OnnxModel(artifact.body, artifact.signature.names)
    return LightGbmScorer(artifact.model_text)


def row_scorer(scorer: Scorer) -> RowScorer:
    """What gives the probability of a row of k features, to the bits of `scores`; for use in one thread."""
    if isinstance(scorer, LightGbmScorer):
        return scorer.for_single_rows()
    return lambda row: float(scorer.scores(np.array([row], np.float64))[0])

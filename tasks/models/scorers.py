"""What evaluates a model: features in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tasks.errors import InvalidSignature
from tasks.models.artifact import Artifact
from tasks.models.forest import Forest
from tasks.models.sigmoid import Vector, sigmoid
from tasks.records.features import Matrix
from tasks.records.signature import Signature


class Scorer(Protocol):
    """Evaluates a model. Implementations for the same format give the same bits for the same features."""

    @property
    def feature_names(self) -> Sequence[str | None]:
        """The feature of each column, None where the model does not say."""

    def scores(self, features: Matrix) -> Vector:
        """Probabilities float64[n], 0 to 1, of features float64[n, k]: of a row the same alone and among others."""


class Margins(Protocol):
    """A model that gives log-odds, as ensembles of trees do."""

    @property
    def feature_names(self) -> Sequence[str | None]:
        """The feature of each column, None where the model does not say."""

    def margin(self, features: Matrix) -> Vector:
        """Log-odds float64[n] of features float64[n, k]."""


class MarginScorer:
    """A scorer made of a model that gives log-odds."""

    def __init__(self, model: Margins) -> None:
        self._model, self.feature_names = model, model.feature_names

    def scores(self, features: Matrix) -> Vector:
        """Probabilities float64[n] of features float64[n, k]."""
        return sigmoid(self._model.margin(features))


def numpy_scorer(artifact: Artifact) -> Scorer:
    """The scorer that Lambda has: LightGBM's trees, evaluated with numpy alone.

    Raises
    ------
    UnsupportedModel
        If the model is of another framework, or one that `tasks.models.forest` does not evaluate exactly.
    """
    return MarginScorer(Forest(artifact.model_text))


def refuse_other_features(scorer: Scorer, signature: Signature, model: str) -> None:
    """Compare the columns of a model with its signature: their number, and their names where the model has any.

    Parameters
    ----------
    model
        What to call it.

    Raises
    ------
    InvalidSignature
        If they differ.
    """
    names, expected = list(scorer.feature_names), signature.names
    if len(names) != len(expected) or any(has not in (None, wants) for has, wants in zip(names, expected, strict=True)):
        named = [name for name in names if name is not None]
        has = f"the features {', '.join(named)}" if len(named) == len(names) else f"{len(names)} features"
        raise InvalidSignature(f"{model} has {has}, and its signature has {', '.join(expected)}")

"""How good scores are, and how features are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.records.features import Matrix
from tasks.records.signature import Signature

Vector = npt.NDArray[np.float64]

#: Quantile bins of a number, for drift checks.
_BINS = 10


def area_under_curve(labels: Vector, scores: Vector) -> float:
    """AUC: how often a positive row scores above a negative one, ties counting half.

    Parameters
    ----------
    labels, scores
        float64[n] of 0 and 1, with at least one of each, and float64[n].
    """
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    del values
    middle_ranks = np.cumsum(counts) - (counts - 1) / 2
    positives = labels.sum()
    negatives = len(labels) - positives
    rank_sum = middle_ranks[inverse][labels == 1].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def log_loss(labels: Vector, scores: Vector) -> float:
    """Mean negative log-likelihood (nats) of labels 0 and 1 under probabilities."""
    likely = np.clip(np.where(labels == 1, scores, 1 - scores), 1e-15, 1)
    return float(-np.log(likely).mean())


def baseline(labels: Vector, scores: Vector) -> dict[str, float]:
    """The measures that the registry keeps of a version."""
    return {
        "auc": round(area_under_curve(labels, scores), 5),
        "logloss": round(log_loss(labels, scores), 5),
        "labelRate": round(float(labels.mean()), 5),
        "rows": len(labels),
    }


def feature_statistics(matrix: Matrix, signature: Signature, scores: Vector) -> dict[str, Any]:
    """The distribution of each feature, and of the score, at training.

    Returns
    -------
    By feature: `missing`, the share of empty values, and `proportions` of the rest: of a number in the bins that
    `edges` (its deciles) separate, of a category in the order of the signature. `score` is described likewise.
    """
    described = {
        feature.name: _shares(matrix[:, place], len(feature.categories))
        if feature.kind == "category"
        else _number(matrix[:, place])
        for place, feature in enumerate(signature.features)
    }
    return described | {"score": _number(scores)}


def _number(values: Vector) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(present) else np.empty(0)
    edges = np.unique(np.array([float(f"{edge:.6g}") for edge in edges]))
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return {
        "missing": _rounded(1 - len(present) / len(values)),
        "edges": edges.tolist(),
        "proportions": _proportions(counts),
    }


def _shares(codes: Vector, categories: int) -> dict[str, Any]:
    present = codes[~np.isnan(codes)].astype(np.intp)
    return {
        "missing": _rounded(1 - len(present) / len(codes)),
        "proportions": _proportions(np.bincount(present, minlength=categories)),
    }


def _proportions(counts: Sequence[int] | npt.NDArray[np.intp]) -> list[float]:
    total = max(1, int(np.sum(counts)))
    return [_rounded(count / total) for count in counts]


def _rounded(share: float) -> float:
    return round(float(share), 4)

"""LightGBM's trees, evaluated with numpy alone.

The Lambda lane's scorer: LightGBM's own library does not load on the C library of Lambda's Python 3.11, and takes
1.6 s to import. Predictions equal LightGBM's bit for bit, because thresholds are compared and leaves are added
exactly as there (LightGBM, `include/LightGBM/tree.h`: `NumericalDecision`, `CategoricalDecision`).

How it works: in one tree, what a single feature's value rules out does not depend on the other features. The
thresholds of a feature cut its values into intervals; for each interval, tree and feature the set of leaves that
remain possible is a bit mask, made once. To score a row is then, per tree, to look up one mask per feature and to
intersect them: exactly one leaf remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tasks.errors import UnsupportedModel
from tasks.models.lightgbm_text import CATEGORICAL, DEFAULT_LEFT, ModelText, Tree

Codes = npt.NDArray[np.intp]
Masks = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

#: |x| up to this counts as zero where zero means missing (LightGBM, `kZeroThreshold`, a float32 literal).
_ZERO: Final = float(np.float32(1e-35))
#: Rows are scored in blocks of this many, so that codes and masks stay in the processor's cache.
_BLOCK_ROWS = 2_048
#: Multiplying a power of two by this de Bruijn sequence puts a different number 0..63 in the top 6 bits for each.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_TOP = np.uint64(58)


class Forest:
    """A binary LightGBM model; implements `tasks.models.scorers.Margins`.

    Parameters
    ----------
    text
        The model as LightGBM saves it.

    Raises
    ------
    UnsupportedModel
        If the model is none that this evaluates exactly; names the reason.
    """

    def __init__(self, text: str) -> None:
        model = ModelText.parse(text)
        self.feature_names = model.feature_names
        self._axes = [_axis(number, model.trees) for number in range(len(model.feature_names))]
        self._trees = [_Lookup.of(tree, self._axes) for tree in model.trees]

    def margin(self, features: Floats) -> Floats:
        """Sum of the leaves.

        Parameters
        ----------
        features
            float64[n, k], columns in the order of `feature_names`.

        Returns
        -------
        float64[n], log-odds.
        """
        total = np.zeros(len(features))
        for start in range(0, len(features), _BLOCK_ROWS):
            block = features[start : start + _BLOCK_ROWS]
            codes = [None if axis is None else axis.codes(block[:, place]) for place, axis in enumerate(self._axes)]
            margin = total[start : start + _BLOCK_ROWS]
            for tree in self._trees:
                margin += tree.leaf_values(codes)
        return total


@dataclass(frozen=True)
class _Axis:
    """The values of one feature, cut into the intervals that the model tells apart."""

    thresholds: Floats  # sorted; of a categorical feature the categories 0..m-1
    categorical: bool
    missing: int  # 0: NaN counts as zero; 1: zero and NaN are missing; 2: NaN is missing

    @property
    def size(self) -> int:
        """Number of codes: an interval below each threshold and one above all, and one for missing values."""
        return len(self.thresholds) + 2

    def codes(self, values: Floats) -> Codes:
        """The interval of each value; `size - 1` stands for a missing one.

        A value's code is the number of thresholds below it, so `value <= thresholds[j]` means `code <= j`. A
        category's code is the category itself, an unknown one's the number of categories.
        """
        absent = np.isnan(values)
        if self.categorical:
            # Like C's cast to int: towards zero, so that -0.5 is category 0. Huge values must not overflow it.
            whole = np.trunc(np.where(absent, -1.0, values))
            known = (whole >= 0) & (whole < len(self.thresholds))
            return np.where(known, whole, len(self.thresholds)).astype(np.intp)
        plain = np.where(absent, 0.0, values) if self.missing != 2 else values
        codes = np.searchsorted(self.thresholds, plain, side="left")
        if self.missing == 1:
            absent = np.abs(plain) <= _ZERO
        if self.missing:
            codes[absent] = self.size - 1
        return codes


def _axis(feature: int, trees: list[Tree]) -> _Axis | None:
    """The axis of a feature, or None if no tree looks at it."""
    nodes = [(tree, node) for tree in trees for node in np.flatnonzero(tree.split_feature == feature)]
    if not nodes:
        return None
    kinds = {(bool(tree.decision[node] & CATEGORICAL), int(tree.decision[node] >> 2) & 3) for tree, node in nodes}
    if {categorical for categorical, _ in kinds} == {True}:
        most = max(tree.categories(node).max(initial=-1) for tree, node in nodes)
        return _Axis(np.arange(most + 1.0), categorical=True, missing=2)
    if len(kinds) > 1:
        raise UnsupportedModel(f"feature {feature} is split in contradictory ways: {sorted(kinds)}")
    thresholds = np.unique([tree.threshold[node] for tree, node in nodes])
    return _Axis(thresholds, categorical=False, missing=kinds.pop()[1])


@dataclass(frozen=True)
class _Lookup:
    """One tree as masks. A tree of up to 64 leaves has one word of masks, of up to 128 two, and so on."""

    words: list[list[tuple[int, Masks]]]  # per word: (feature, uint64[codes of the feature])
    values: list[Floats]  # per word: float64[64], a leaf's value at the place to which its bit is hashed
    single: float | None  # the value of a tree that is one leaf

    @classmethod
    def of(cls, tree: Tree, axes: list[_Axis | None]) -> _Lookup:
        leaves = len(tree.leaf_value)
        if leaves == 1:
            return cls([], [], float(tree.leaf_value[0]))
        masks: dict[int, Masks] = {}
        count = -(-leaves // 64)
        for node, left, right in _subtrees(tree):
            feature = int(tree.split_feature[node])
            axis = axes[feature]
            assert axis is not None  # noqa: S101 - every feature with a node has an axis
            table = masks.setdefault(feature, np.repeat(_words((1 << leaves) - 1, count), axis.size, axis=1))
            goes_left = _goes_left(tree, node, axis)
            table &= np.where(goes_left, ~_words(right, count), ~_words(left, count))
        values: list[Floats] = []
        for word in range(count):
            own = tree.leaf_value[64 * word : 64 * (word + 1)]
            bits = np.uint64(1) << np.arange(len(own), dtype=np.uint64)
            placed = np.zeros(64)
            placed[_hashed(bits)] = own
            values.append(placed)
        words = [[(feature, table[word].copy()) for feature, table in masks.items()] for word in range(count)]
        return cls(words, values, None)

    def leaf_values(self, codes: list[Codes | None]) -> Floats | float:
        """float64[n]: the value of the leaf that each row reaches."""
        if self.single is not None:
            return self.single
        result: Floats | None = None
        for tables, values in zip(self.words, self.values, strict=True):
            (feature, table), *others = tables
            left = table.take(_present(codes[feature]))
            for feature, table in others:
                left &= table.take(_present(codes[feature]))
            found = values.take(_hashed(left))
            result = found if result is None else np.where(left != 0, found, result)
        assert result is not None  # noqa: S101 - a tree with a split has a word
        return result


def _present(codes: Codes | None) -> Codes:
    assert codes is not None  # noqa: S101 - codes exist for each feature that a tree looks at
    return codes


def _hashed(single_bits: Masks) -> Codes:
    return ((single_bits * _DE_BRUIJN) >> _TOP).astype(np.intp)


def _subtrees(tree: Tree) -> Iterator[tuple[int, int, int]]:
    """Each node with the leaves on its left and on its right, as sets of bits."""
    below: dict[int, int] = {~leaf: 1 << leaf for leaf in range(len(tree.leaf_value))}
    # LightGBM numbers a node's children after it, so walking backwards meets children first.
    for node in reversed(range(len(tree.split_feature))):
        left, right = below[int(tree.left_child[node])], below[int(tree.right_child[node])]
        below[node] = left | right
        yield node, left, right


def _words(bits: int, count: int) -> Masks:
    """uint64[count, 1], lowest word first."""
    return np.frombuffer(bits.to_bytes(8 * count, "little"), "<u8").astype(np.uint64)[:, np.newaxis]


def _goes_left(tree: Tree, node: int, axis: _Axis) -> npt.NDArray[np.bool_]:
    """bool[codes]: whether a value of each interval goes left at a node."""
    goes_left = np.zeros(axis.size, bool)
    if axis.categorical:
        goes_left[tree.categories(node)] = True
        return goes_left
    place = np.searchsorted(axis.thresholds, tree.threshold[node])
    goes_left[: place + 1] = True
    goes_left[-1] = bool(tree.decision[node] & DEFAULT_LEFT)
    return goes_left

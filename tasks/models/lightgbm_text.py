"""LightGBM's text format for models, as far as our scorers evaluate it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tasks.errors import UnsupportedModel

#: Bits of a node's decision type; the two bits above them are the missing type (LightGBM, `include/LightGBM/tree.h`).
CATEGORICAL: Final = 1
DEFAULT_LEFT: Final = 2


@dataclass(frozen=True)
class Tree:
    """One tree of m nodes and m + 1 leaves.

    A child >= 0 is a node, below 0 the bitwise complement of a leaf.
    """

    split_feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    decision: npt.NDArray[np.int64]
    left_child: npt.NDArray[np.int64]
    right_child: npt.NDArray[np.int64]
    leaf_value: npt.NDArray[np.float64]
    category_boundaries: npt.NDArray[np.int64]
    category_words: npt.NDArray[np.int64]

    def categories(self, node: int) -> npt.NDArray[np.intp]:
        """The categories that go left at a categorical node."""
        which = int(self.threshold[node])
        words = self.category_words[self.category_boundaries[which] : self.category_boundaries[which + 1]]
        bits = (words[:, np.newaxis] >> np.arange(32)) & 1
        return np.flatnonzero(bits)


@dataclass(frozen=True)
class ModelText:
    """A model taken apart."""

    feature_names: list[str]
    trees: list[Tree]

    @classmethod
    def parse(cls, text: str) -> ModelText:
        """Read a model as `Booster.save_model` writes it.

        Raises
        ------
        UnsupportedModel
            If it is no LightGBM model, or not a binary one that adds plain trees; names what is not supported.
        """
        head, *blocks = text.split("\n\nend of trees", 1)[0].split("\nTree=")
        fields = _fields(head)
        if not head.startswith("tree\n") or "feature_names" not in fields:
            raise UnsupportedModel("this is not a model in LightGBM's text format")
        if fields.get("version") != "v4":
            raise UnsupportedModel(f"the model has format {fields.get('version')}; only v4 (LightGBM 4) is evaluated")
        objective = fields.get("objective", "none")
        if objective != "binary sigmoid:1":
            raise UnsupportedModel(f"the model's objective is {objective!r}; only 'binary sigmoid:1' is evaluated")
        if fields.get("num_tree_per_iteration") != "1":
            raise UnsupportedModel("the model has several trees per iteration; only one is evaluated")
        if "average_output" in head.split("\n"):
            raise UnsupportedModel("the model averages its trees (boosting=rf); only sums are evaluated")
        return cls(fields["feature_names"].split(" "), [_tree(_fields(block)) for block in blocks])


def _fields(block: str) -> dict[str, str]:
    return {key: value for key, found, value in (line.partition("=") for line in block.split("\n")) if found}


def _tree(fields: dict[str, str]) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise UnsupportedModel("the model has linear trees; only constant leaves are evaluated")

    def numbers(name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
        return np.array(fields.get(name, "").split(), dtype=kind)

    return Tree(
        split_feature=numbers("split_feature", np.int64),
        threshold=numbers("threshold", np.float64),
        decision=numbers("decision_type", np.int64),
        left_child=numbers("left_child", np.int64),
        right_child=numbers("right_child", np.int64),
        leaf_value=numbers("leaf_value", np.float64),
        category_boundaries=numbers("cat_boundaries", np.int64),
        category_words=numbers("cat_threshold", np.int64),
    )

"""Models whose signature or statistics no parameter could hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.models.artifact import Artifact, checksum, pack
from tasks.models.version import ModelVersion
from tasks.records.signature import Feature, Signature

#: One tree with one split, of the first feature.
_MODEL = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx={last}
objective=binary sigmoid:1
feature_names={names}
feature_infos={infos}

Tree=0
num_leaves=2
num_cat={categories}
split_feature=0
threshold={threshold}
decision_type={decision}
left_child=-1
right_child=-2
leaf_value=-1 1
{boundaries}is_linear=0
shrinkage=1


end of trees

feature_importances:
"""


def _numbers(count: int, name: Callable[[int], str]) -> Signature:
    return Signature(tuple(Feature(name(place), "number", nullable=True) for place in range(count)))


#: Signatures by what is wide about them.
WIDE = {
    "forty nullable numbers": _numbers(40, "sensor_reading_{:02}".format),
    "two thousand ZIP codes": Signature(
        (
            Feature("zip", "category", categories=tuple(f"{code:05}" for code in range(10_000, 12_000))),
            Feature("age", "number", nullable=True),
        )
    ),
    "names beyond ASCII": _numbers(60, "温度_naïve_🌡_{}".format),
    "three hundred features": _numbers(300, "feature_{}".format),
}


def artifact_of(signature: Signature) -> Artifact:
    """An artifact whose one golden record is empty wherever it may be."""
    first = signature.features[0]
    of_category = first.kind == "category"
    text = _MODEL.format(
        last=len(signature.features) - 1,
        names=" ".join(signature.names),
        infos=" ".join("[0:1]" for _ in signature.features),
        categories=int(of_category),
        threshold=0 if of_category else 0.5,
        decision=1 if of_category else 2,
        boundaries="cat_boundaries=0 1\ncat_threshold=1\n" if of_category else "",
    )
    return Artifact(text, signature, [{"record": record_of(signature), "score": 0.2689414213699951}])


def record_of(signature: Signature) -> dict[str, Any]:
    """A record that goes left in the tree: the first feature has a value, the others what they may do without."""
    first, *others = signature.features
    return {first.name: first.categories[0] if first.categories else 0.25} | {feature.name: None for feature in others}


def statistics_of(signature: Signature) -> dict[str, Any]:
    """What training would say of the features."""
    deciles = [round(place / 7, 5) for place in range(9)]
    return {
        feature.name: {"missing": 0.0123, "proportions": [0.0005] * len(feature.categories)}
        if feature.categories
        else {"missing": 0.0123, "edges": deciles, "proportions": [0.1] * 10}
        for feature in signature.features
    }


def wide_version(signature: Signature, version_id: str, bucket: str = "models") -> tuple[ModelVersion, bytes]:
    """A version, and its archive."""
    artifact = artifact_of(signature)
    body = pack(artifact)
    version = ModelVersion(
        version_id=version_id,
        artifact=f"s3://{bucket}/versions/{version_id}/model.tar.gz",
        sha256=checksum(body),
        created_at="2026-11-24T00:00:00Z",
        framework="lightgbm",
        threshold=0.5,
        signature=signature,
        baseline={"auc": 0.7, "logloss": 0.5},
        statistics=statistics_of(signature),
    )
    return version, body

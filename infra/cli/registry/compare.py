"""Two versions side by side: quality at training, features, and the data that they learned from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from tasks.models.version import ModelVersion
from tasks.records.signature import Feature


def compare_versions(a: ModelVersion, b: ModelVersion) -> dict[str, Any]:
    """Compare what the registry knows of two versions.

    Returns
    -------
    `a` and `b` (their plain facts), `baseline` (each measure with `a`, `b` and `difference`), `signature` (features
    that only one of them has, and those that they declare otherwise), `statistics` (of each feature of both, and of
    the score: the share of empty values, and `distance`, how differently the rest was distributed at training: 0 alike,
    1 nothing in common).
    """
    features_a, features_b = ({each.name: each for each in version.signature.features} for version in (a, b))
    both = [name for name in features_a if name in features_b]
    return {
        "a": _facts(a),
        "b": _facts(b),
        "baseline": {
            name: {"a": a.baseline.get(name), "b": b.baseline.get(name), "difference": _difference(a, b, name)}
            for name in dict.fromkeys([*a.baseline, *b.baseline])
        },
        "signature": {
            "onlyA": [name for name in features_a if name not in features_b],
            "onlyB": [name for name in features_b if name not in features_a],
            "different": {
                name: changes for name in both if (changes := list(_changes(features_a[name], features_b[name])))
            },
        },
        "statistics": {
            name: _compared(a.statistics[name], b.statistics[name], features_a.get(name), features_b.get(name))
            for name in [*both, "score"]
            if name in a.statistics and name in b.statistics
        },
    }


def comparison_tables(comparison: Mapping[str, Any], a: str, b: str) -> Iterator[Table]:
    """Lay a comparison out for people."""
    facts = _table("", a, b, "difference")
    for name in comparison["a"]:
        facts.add_row(name, str(comparison["a"][name]), str(comparison["b"][name]), "")
    for name, row in comparison["baseline"].items():
        facts.add_row(name, _number(row["a"]), _number(row["b"]), _number(row["difference"], signed=True))
    yield facts
    signature = comparison["signature"]
    features = _table("feature", a, b)
    for name in signature["onlyA"]:
        features.add_row(name, "yes", "no")
    for name in signature["onlyB"]:
        features.add_row(name, "no", "yes")
    for name, changes in signature["different"].items():
        for change in changes:
            features.add_row(name, change["a"], change["b"])
    if not features.rows:
        features.add_row("all the same", "", "")
    yield features
    data = _table("training data", f"empty, {a}", f"empty, {b}", "distance")
    for name, row in sorted(comparison["statistics"].items(), key=lambda item: -(item[1]["distance"] or 0)):
        data.add_row(name, f"{row['a']:.2%}", f"{row['b']:.2%}", _number(row["distance"]))
    yield data


def _facts(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.version_id,
        "created": version.created_at,
        "framework": version.framework,
        "threshold": version.threshold,
        "features": len(version.signature.features),
    }


def _difference(a: ModelVersion, b: ModelVersion, name: str) -> float | None:
    return b.baseline[name] - a.baseline[name] if name in a.baseline and name in b.baseline else None


def _changes(a: Feature, b: Feature) -> Iterator[dict[str, str]]:
    if a.kind != b.kind:
        yield {"a": a.kind, "b": b.kind}
    if a.nullable != b.nullable:
        yield {"a": _nullable(a), "b": _nullable(b)}
    lost, new = ([one for one in x.categories if one not in y.categories] for x, y in ((a, b), (b, a)))
    if lost or new:
        yield {"a": _only(lost), "b": _only(new)}


def _nullable(feature: Feature) -> str:
    return "may be empty" if feature.nullable else "never empty"


def _only(categories: Sequence[str]) -> str:
    shown = ", ".join(categories[:8]) + (" …" if len(categories) > 8 else "")
    return f"only here: {shown}" if categories else ""


def _compared(
    a: Mapping[str, Any], b: Mapping[str, Any], of_a: Feature | None, of_b: Feature | None
) -> dict[str, float | None]:
    if "edges" in a and "edges" in b:
        distance: float | None = _distance_of_numbers(a, b)
    elif of_a is not None and of_b is not None and of_a.kind == of_b.kind == "category":
        shares_a, shares_b = (
            dict(zip(feature.categories, described["proportions"], strict=True))
            for feature, described in ((of_a, a), (of_b, b))
        )
        distance = sum(abs(shares_a.get(one, 0) - shares_b.get(one, 0)) for one in {*shares_a, *shares_b}) / 2
    else:
        distance = None
    return {"a": a["missing"], "b": b["missing"], "distance": None if distance is None else round(distance, 4)}


def _distance_of_numbers(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The largest distance of the two cumulative distributions, as far as their bins tell (Kolmogorov, Smirnov).

    A bin's edge is where a distribution is known exactly; between its edges it is taken to rise evenly.
    """
    edges = [np.asarray(each["edges"], np.float64) for each in (a, b)]
    below = [np.cumsum(each["proportions"])[:-1] for each in (a, b)]
    if not len(edges[0]) or not len(edges[1]):
        return 0.0 if len(edges[0]) == len(edges[1]) else 1.0
    places = np.union1d(*edges)
    risen = [np.interp(places, edge, share, left=0.0, right=1.0) for edge, share in zip(edges, below, strict=True)]
    # Outside of its edges a distribution is anywhere in its first or last bin: there is nothing to compare.
    inside = (places >= max(edges[0][0], edges[1][0])) & (places <= min(edges[0][-1], edges[1][-1]))
    return float(np.abs(risen[0] - risen[1])[inside].max()) if inside.any() else 1.0


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    return table


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return ""
    return f"{value:+.4g}" if signed else f"{value:.5g}"

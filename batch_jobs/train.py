"""`train`: the example model, from flights to a registered version."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from batch_jobs import flights
from batch_jobs.errors import NothingToLearn
from batch_jobs.quality import baseline, feature_statistics
from batch_jobs.scorers import container_scorer
from tasks.errors import InvalidRunRequest, NoSuchVersion, UnsupportedModel, VersionExists
from tasks.models.artifact import LIGHTGBM_FILE, Artifact, checksum, pack
from tasks.models.registry import Registry
from tasks.models.scorers import Scorer, numpy_scorer
from tasks.models.sigmoid import Vector
from tasks.models.version import ModelVersion
from tasks.records.check import check, rows_from_records
from tasks.records.features import Matrix, feature_matrix
from tasks.records.rows import Rows
from tasks.records.signature import Feature, Signature
from tasks.settings import Settings
from tasks.storage import Location, Storage

TREES, LEAVES = 300, 63
#: `deterministic` and `force_row_wise`: the same rows give the same trees, whatever the number of threads.
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "seed": 2013,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
#: Likewise; with more threads, XGBoost adds up gradients in another order.
XGBOOST_PARAMETERS: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "grow_policy": "lossguide",
    "max_depth": 0,
    "learning_rate": 0.05,
    "seed": 2013,
    "nthread": 1,
    "verbosity": 0,
}
_XGBOOST_FILE = "model.ubj"
THRESHOLD = 0.5
_GOLDEN_RECORDS = 20


class Recipe(NamedTuple):
    """What is learned: so many trees of up to so many leaves, by which library."""

    trees: int = TREES
    leaves: int = LEAVES
    framework: Literal["lightgbm", "xgboost"] = "lightgbm"


RECIPE = Recipe()


class Learnable(NamedTuple):
    """Labelled rows: float64[n, k] features, float64[n] labels 0 and 1, int64[n] months."""

    features: Matrix
    labels: Vector
    months: npt.NDArray[np.int64]

    def where(self, mask: npt.NDArray[np.bool_]) -> Learnable:
        """Some of the rows."""
        return Learnable(self.features[mask], self.labels[mask], self.months[mask])


def run(arguments: argparse.Namespace) -> None:
    """Train, write the artifact, and register it if asked; the output is the version as JSON.

    In a directory, where nothing is registered, the metadata are written beside the artifact, for whoever registers
    the version later.

    Raises
    ------
    NothingToLearn
        If the months hold no flights.
    VersionExists
        If another artifact is registered, or lies, under the version.
    InvalidRunRequest
        If the months are none, or a version is to be registered whose artifact is not in S3.
    """
    if (arguments.register or arguments.activate) and not arguments.output.startswith("s3://"):
        raise InvalidRunRequest("--register needs an --output in S3, where the scorers can fetch the artifact")
    recipe = Recipe(arguments.trees, arguments.leaves, arguments.framework)
    artifact, measured, statistics = train(parse_months(arguments.months), recipe)
    body = pack(artifact)
    version = ModelVersion(
        version_id=arguments.version,
        artifact=_write(body, arguments.output, arguments.version),
        sha256=checksum(body),
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        framework=artifact.framework,
        threshold=THRESHOLD,
        signature=artifact.signature,
        baseline=measured,
        statistics=statistics,
    )
    if arguments.register or arguments.activate:
        register(version, activate=arguments.activate)
    if not arguments.output.startswith("s3://"):
        Path(version.artifact).with_name("version.json").write_bytes(portable_metadata(version))
    shown = {"version": version.version_id, "artifact": version.artifact, "sha256": version.sha256}
    print(json.dumps(shown | {"baseline": measured}), flush=True)


def train(months: list[int], recipe: Recipe = RECIPE) -> tuple[Artifact, dict[str, float], dict[str, Any]]:
    """Learn from the flights of some months.

    The model learns from all of them. Its baseline is measured on the last month by a model that learned from the
    others (with a single month: on every tenth flight), because time runs on: rows from between the training rows
    would flatter it.

    Returns
    -------
    The artifact, the baseline and the statistics of the features.
    """
    table = flights.load_flights(months)
    table = table.filter(pc.is_valid(table["arr_delay"]))
    if not table.num_rows:
        raise NothingToLearn(f"there are no labelled flights in the months {months}")
    signature = signature_of(table)
    rows = learnable(table, signature)
    held_out = rows.months == max(months) if len(months) > 1 else np.arange(len(rows.labels)) % 10 == 9
    trial = container_scorer(_fit(rows.where(~held_out), signature, recipe))
    measured = baseline(rows.labels[held_out], trial.scores(rows.features[held_out]))

    fitted = _fit(rows, signature, recipe)
    scorer = container_scorer(fitted)
    statistics = feature_statistics(rows.features, signature, scorer.scores(rows.features))
    scorers = [scorer, numpy_scorer(fitted)] if recipe.framework == "lightgbm" else [scorer]
    return replace(fitted, golden=_golden(table, signature, scorers)), measured, statistics


def signature_of(table: pa.Table) -> Signature:
    """The signature of the example: categories are those that occur in the training rows."""
    return Signature(
        tuple(
            Feature(name, "category", categories=tuple(sorted(pc.unique(table[name]).to_pylist())))
            if name in flights.CATEGORIES
            else Feature(name, "number", nullable=name in flights.NULLABLE_NUMBERS)
            for name in flights.FEATURES
        )
    )


def learnable(table: pa.Table, signature: Signature) -> Learnable:
    """The rows of a table that pass the check which scoring applies too, labelled."""
    batch = table.combine_chunks().to_batches()[0]
    checked = check(Rows(np.arange(1, batch.num_rows + 1), batch), signature)
    good = checked.numbers - 1
    labels = flights.is_late(table).to_numpy(zero_copy_only=False).astype(np.float64)
    return Learnable(feature_matrix(checked.columns, signature), labels[good], table["month"].to_numpy()[good])


def register(version: ModelVersion, *, activate: bool) -> None:
    """Register a version; activate it if asked, or if none is active."""
    registry = Registry(Settings.from_environment().parameter_root)
    registry.register(version)
    try:
        none_active = not registry.active()
    except NoSuchVersion:
        none_active = True
    if activate or none_active:
        registry.activate(version.version_id)


def portable_metadata(version: ModelVersion) -> bytes:
    """The metadata as JSON, but for what depends on where and when: artifact, image and time of creation.

    The same training gives the same bytes.
    """
    document = orjson.loads(version.to_json())
    kept = {key: value for key, value in document.items() if key not in ("artifact", "createdAt", "image")}
    return orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parse_months(text: str) -> list[int]:
    """`1-6` or `1,2,12` to months.

    Raises
    ------
    InvalidRunRequest
        If it is neither.
    """
    months: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,2})(?:-(\d{1,2}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 12:
            raise InvalidRunRequest(f"--months is {text!r}; it must be like 1-6 or 1,2,12")
        months |= set(range(first, last + 1))
    return sorted(months)


def _fit(rows: Learnable, signature: Signature, recipe: Recipe) -> Artifact:
    """A model, without golden records yet."""
    categorical = [feature.kind == "category" for feature in signature.features]
    if recipe.framework == "xgboost":
        import xgboost  # 2.5 s

        types = ["c" if each else "float" for each in categorical]
        pairs = xgboost.DMatrix(
            rows.features, rows.labels, feature_names=signature.names, feature_types=types, enable_categorical=True
        )
        booster = xgboost.train(XGBOOST_PARAMETERS | {"max_leaves": recipe.leaves}, pairs, recipe.trees)
        return Artifact(bytes(booster.save_raw(raw_format="ubj")), signature, [], _XGBOOST_FILE)
    data = lightgbm.Dataset(
        rows.features,
        rows.labels,
        feature_name=signature.names,
        categorical_feature=np.flatnonzero(categorical).tolist(),
    )
    parameters = PARAMETERS | {"num_leaves": recipe.leaves}
    return Artifact(lightgbm.train(parameters, data, recipe.trees).model_to_string(), signature, [], LIGHTGBM_FILE)


def _golden(table: pa.Table, signature: Signature, scorers: list[Scorer]) -> list[dict[str, Any]]:
    """Some records with their scores, on which all scorers of the model must agree."""
    places = np.linspace(0, table.num_rows - 1, min(_GOLDEN_RECORDS, table.num_rows)).astype(np.int64)
    records = table.select(signature.names).take(places).to_pylist()
    checked = check(rows_from_records(np.arange(1, len(records) + 1), records, signature), signature)
    features = feature_matrix(checked.columns, signature)
    scores, *others = (scorer.scores(features).tolist() for scorer in scorers)
    if checked.bad or any(other != scores for other in others):
        raise UnsupportedModel("the two scorers disagree on the golden records; the model must not be shipped")
    return [{"record": record, "score": score} for record, score in zip(records, scores, strict=True)]


def _write(body: bytes, output: str, version: str) -> str:
    """Write the archive below a directory or S3 prefix; returns its URI or path."""
    name = f"{version}/model.tar.gz"
    if output.startswith("s3://"):
        prefix = Location.parse(output)
        place = Location(prefix.bucket, f"{prefix.key.rstrip('/')}/{name}".lstrip("/"))
        storage = Storage()
        if not storage.write_if_absent(place, body) and storage.read(place) != body:
            raise VersionExists(f"there is another artifact at {place}; choose another --version")
        return str(place)
    file = Path(output) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return str(file)

"""The way of a record: one shard from its object to its marker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tasks.errors import TotalsDisagree, UnsupportedModel
from tasks.local_disk import scratch_directory
from tasks.models.artifact import Artifact
from tasks.models.registry import Registry, fetch_artifact
from tasks.models.scorers import Scorer, refuse_other_features
from tasks.models.sigmoid import Vector
from tasks.reading.read import read_rows
from tasks.reading.shards import Shard
from tasks.records.check import check
from tasks.records.features import feature_matrix
from tasks.records.rows import BadRow, Rows
from tasks.records.signature import Signature
from tasks.runs.layout import RunFolder
from tasks.runs.markers import valid_marker
from tasks.runs.request import RunRequest
from tasks.scoring.item_store import ItemStore
from tasks.scoring.predictions import put_requests
from tasks.scoring.results import ShardResults
from tasks.storage import Storage

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Scored:
    """What became of some rows: int64[m] numbers of the good ones and float64[m] probabilities, and the bad ones."""

    numbers: npt.NDArray[np.int64]
    scores: Vector
    bad: Sequence[BadRow]


class RowsModel(Protocol):
    """A model version that takes rows as they were read. Implementations give the same outcome for the same rows."""

    @property
    def version_id(self) -> str:
        """Its id."""

    @property
    def threshold(self) -> float:
        """The score from which a prediction is true."""

    @property
    def signature(self) -> Signature:
        """What it reads of a row."""

    @property
    def kind(self) -> Literal["container", "endpoint"]:
        """Who evaluates the model: whoever has the artifact, or the endpoint."""

    def score(self, rows: Rows, stages: Stages) -> Scored:
        """Check rows and score the good ones, in their order; the time that it takes is counted."""


@dataclass(frozen=True)
class Model:
    """A model version whose artifact is at hand."""

    version_id: str
    threshold: float
    signature: Signature
    scorer: Scorer
    kind: Literal["container"] = "container"

    def score(self, rows: Rows, stages: Stages) -> Scored:
        """Check rows and score the good ones."""
        with stages.time("check"):
            checked = check(rows, self.signature)
            features = feature_matrix(checked.columns, self.signature)
        with stages.time("predict"):
            return Scored(checked.numbers, self.scorer.scores(features), checked.bad)


def load_model(version_id: str, registry: Registry, storage: Storage, scorer_of: Callable[[Artifact], Scorer]) -> Model:
    """Fetch a registered version.

    Parameters
    ----------
    scorer_of
        Makes a scorer of an artifact: `numpy_scorer`, or the frameworks' own libraries in a container.

    Raises
    ------
    NoSuchVersion, InvalidRegistration, ArtifactMissing, ArtifactTampered, InvalidSignature, UnsupportedModel
        If there is no such version or it cannot be scored with.
    """
    version = registry.get(version_id)
    artifact = fetch_artifact(version, storage)
    if version.framework != artifact.framework:
        raise UnsupportedModel(
            f"model {version_id} is registered as one of {version.framework}, and its artifact holds "
            f"{artifact.model_file}"
        )
    scorer = scorer_of(artifact)
    refuse_other_features(scorer, artifact.signature, f"model {version_id}")
    return Model(version_id, version.threshold, artifact.signature, scorer)


def score_shard(
    run: RunRequest,
    shard: Shard,
    *,
    model: Callable[[], RowsModel],
    folder: RunFolder,
    storage: Storage,
    items: ItemStore,
    retention_days: int,
    worker: str,
    fallback: str | None = None,
) -> dict[str, Any]:
    """Score one shard and commit its results.

    Data first (predictions, quarantine, items), the marker last: readers look at markers, so a worker that is killed
    at any point leaves nothing that could be mistaken for a finished shard. Everything is written under keys that do
    not depend on the attempt. A shard that is finished already is left alone.

    Parameters
    ----------
    model
        Gives the model; called only if there is something to score.
    worker
        Who does it, for the marker.
    fallback
        Why it is not scored as the run chose, for the marker; None where it is.

    Returns
    -------
    The marker: what was scored, counts, histogram of scores, keys and etags of the objects, seconds.

    Raises
    ------
    InputChanged, UnreadableObject
        If the object is not what was planned, or not what its name says.
    NoSpaceForResults
        If the local disk is full.
    TotalsDisagree
        If rows were lost; nothing is published then.
    ServiceUnavailable, ItemsRefused, AccessRefused
        If S3 or DynamoDB do not take part.
    """
    finished = valid_marker(storage, folder, shard, run.model_version)
    if finished is not None:
        return finished
    started_at = datetime.now(UTC)
    stages = Stages()
    with stages.time("load"):
        loaded = model()
    with (
        scratch_directory() as scratch,
        ShardResults(scratch, shard, loaded.version_id, loaded.threshold) as results,
    ):
        rows = 0
        for batch in stages.each("read", read_rows(shard, loaded.signature, storage, scratch)):
            rows += len(batch.numbers) + len(batch.broken)
            scored = loaded.score(batch, stages)
            with stages.time("write"):
                results.set_aside(scored.bad)
                results.add(scored.numbers, scored.scores)
        with stages.time("write"):
            results.finish()
        _compare_totals(shard, rows, results)
        with stages.time("publish"):
            objects = results.publish(folder, storage)
        with stages.time("items"):
            items.put(request for batch in results.batches() for request in put_requests(batch, run, retention_days))
    finished_at = datetime.now(UTC)
    marker = {
        "shard": shard.to_json(),
        "digest": shard.digest(run.model_version),
        "modelVersion": loaded.version_id,
        "scorer": "function" if shard.lane == "small" else loaded.kind,
        "fallback": fallback,
        "rows": rows,
        **results.to_json(),
        "objects": objects,
        "seconds": round((finished_at - started_at).total_seconds(), 3),
        "stages": stages.to_json(),
        "startedAt": _iso(started_at),
        "finishedAt": _iso(finished_at),
        "worker": worker,
    }
    storage.write_json(folder.marker(shard.shard_id), marker)
    return marker


def _compare_totals(shard: Shard, rows: int, results: ShardResults) -> None:
    if rows != results.predictions + results.quarantined or shard.rows not in (None, rows):
        planned = "" if shard.rows is None else f" ({shard.rows:,} planned)"
        raise TotalsDisagree(
            f"{shard.name}: {rows:,} rows were read{planned}, but {results.predictions:,} predicted and "
            f"{results.quarantined:,} set aside"
        )


class Stages:
    """Seconds spent in each stage of a shard."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Count the time of the block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - start

    def each(self, stage: str, parts: Iterator[_Part]) -> Iterator[_Part]:
        """Count the time that it takes to get each part."""
        while True:
            with self.time(stage):
                part = next(parts, None)
            if part is None:
                return
            yield part

    def to_json(self) -> dict[str, float]:
        """Seconds by stage, in the order in which the stages were first met."""
        return {stage: round(seconds, 4) for stage, seconds in self._seconds.items()}


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Scores one local file in a process of its own: `python score_local_file.py ROOT KEY MODEL-ARTIFACT`.

Prints the marker with the process's peak memory (`peakMegabytes`), its CPU seconds (`cpuSeconds`) and the model's
share of them (`predictSeconds`) as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from batch_jobs.scorers import container_scorer
from batch_jobs.without_pandas import hide_pandas
from tasks.models.artifact import checksum, unpack
from tasks.models.scorers import Scorer
from tasks.models.sigmoid import Vector
from tasks.records.features import Matrix
from tasks.runs.inventory import shards_of
from tasks.runs.layout import RunFolder
from tasks.runs.request import RunRequest
from tasks.scoring.shard import Model, score_shard
from tasks.storage import Location
from tests.batch_jobs.local_objects import LocalObjects


class Nowhere:
    """Takes items and forgets them; they are measured elsewhere."""

    def put(self, requests: Iterable[bytes]) -> int:
        """Count the items."""
        del requests
        return 0


class Timed:
    """A scorer that counts the CPU seconds of its predictions, in the thread that asks for them."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self.feature_names, self.seconds = scorer, scorer.feature_names, 0.0

    def scores(self, features: Matrix) -> Vector:
        """Predict."""
        start = time.thread_time()
        scores = self._scorer.scores(features)
        self.seconds += time.thread_time() - start
        return scores


def main(root: str, key: str, artifact_file: str) -> None:
    """Score the object `key` in the bucket `data` below `root`."""
    storage = LocalObjects(Path(root))
    body = Path(artifact_file).read_bytes()
    artifact = unpack(body, checksum(body))
    scorer = Timed(container_scorer(artifact))
    model = Model("v1", 0.5, artifact.signature, scorer)
    run = RunRequest("r", "s3://data/", "v1", "container", 5_000_000, 1, 0, 1, "2026-11-23", "2026-11-23T00:00:00Z")
    stored = storage.find(Location("data", key))
    assert stored is not None
    (shard,) = shards_of(stored, "data", run, storage)
    start = time.process_time()
    marker = score_shard(
        run,
        shard.with_id(0),
        model=lambda: model,
        folder=RunFolder.of(run, "results"),
        storage=storage,
        items=Nowhere(),
        retention_days=30,
        worker="benchmark",
    )
    spent = time.process_time() - start
    measured = {"peakMegabytes": peak_megabytes(), "cpuSeconds": spent, "predictSeconds": scorer.seconds}
    print(json.dumps(marker | measured))


def peak_megabytes() -> int:
    """The most memory that this program had. `ru_maxrss` would count what its parent had when it forked."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    hide_pandas()
    main(*sys.argv[1:])

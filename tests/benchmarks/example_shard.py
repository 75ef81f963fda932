"""What the scoring benchmarks score: flights of the second half-year, with the model of the first one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa

from batch_jobs import flights, train
from tasks.models.artifact import Artifact, pack
from tests.benchmarks.measure import PYTHON, Ran, run


def flights_to_score(count: int) -> pa.Table:
    """So many flights; those of July to December again and again."""
    table = flights.load_flights(range(7, 13)).select(flights.FEATURES)
    return pa.concat_tables([table] * (count // table.num_rows + 1)).slice(0, count)


def example_model() -> Artifact:
    """The example's model."""
    train.PARAMETERS["num_threads"] = 1  # several would spin while they wait, and heat what is measured
    return train.train(list(range(1, 7)))[0]


def score(root: Path, key: str, artifact: Artifact) -> Ran:
    """Score the object `key` of the bucket `data` below `root`, anew, as the job does, in a process of its own."""
    shutil.rmtree(root / "results", ignore_errors=True)
    model = root / "artifact"
    model.write_bytes(pack(artifact))
    return run([PYTHON, "-m", "tests.batch_jobs.score_local_file", str(root), key, str(model)])

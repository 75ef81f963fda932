"""What scoring a shard costs, beside its peers: CPU microseconds a row of one thread.

All do the same: Parquet -> features -> prediction -> Parquet, with the same LightGBM model. Only ours checks its rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from batch_jobs.native import NativeForest
from tasks.models.artifact import Artifact
from tasks.models.forest import Forest
from tasks.records.check import check
from tasks.records.features import Matrix, feature_matrix
from tasks.records.rows import Rows
from tests.benchmarks.example_shard import example_model, flights_to_score, score
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.measure import HERE, PEERS_PYTHON, REPEATS, Ran, least_cpu, run

ROWS = 500_000
BATCH_ROWS = 16_384
LANE_ROWS = 50_000
MLFLOW, METAFLOW = "MLflow pyfunc", "Metaflow, one worker"
#: The peers of `peer_scoring`, and how many times ours must be as fast.
PEERS = {MLFLOW: 1.0, "pandas and LightGBM": None, "pandas, record by record": None}
UNIT = "us CPU/row"
JOB = f"job, {ROWS:,} rows of Parquet"


def figures() -> Iterator[Figure]:
    """Ours, the model alone, the peers, and the Lambda lane's scorer."""
    rows, artifact = flights_to_score(ROWS), example_model()
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        root = Path(directory)
        (root / "data").mkdir()
        pq.write_table(rows, root / "data" / "rows.parquet")
        (root / "model.txt").write_text(artifact.model_text)
        (root / "signature.json").write_bytes(orjson.dumps(artifact.signature.to_json()))
        files = files_of_peer(root)
        ran: dict[str, list[Ran]] = {peer: [] for peer in ("ours", *PEERS, METAFLOW)}
        # All of them again and again, so that a busy minute of the machine does not fall on one alone.
        for _ in range(REPEATS):
            ran["ours"].append(score(root, "rows.parquet", artifact))
            for peer in PEERS:
                ran[peer].append(run([PEERS_PYTHON, str(HERE / "peer_scoring.py"), peer, *files.values()]))
            options = [word for name, file in files.items() for word in (f"--{name}", file)]
            flow = [PEERS_PYTHON, str(HERE / "peer_metaflow.py"), "--no-pylint", "run", *options]
            ran[METAFLOW].append(run(flow, folder=root))
    mine = min((process.json() for process in ran["ours"]), key=lambda found: float(found["cpuSeconds"]))
    ours, floor = mine["cpuSeconds"] / ROWS * 1e6, mine["predictSeconds"] / ROWS * 1e6
    yield Figure(JOB, ours, UNIT, peer="LightGBM's predict alone", peer_value=floor)
    yield Figure("predict's share of the job", floor / ours, "of its CPU", at_least=0.92)
    for peer, times in PEERS.items():
        yield Figure(JOB, ours, UNIT, peer=peer, peer_value=work(ran[peer]), times=times)
    yield Figure(f"{JOB}, with its start", whole(ran["ours"]), UNIT, peer=METAFLOW, peer_value=whole(ran[METAFLOW]))
    peak, of_mlflow = (ran[name][0].json()["peakMegabytes"] for name in ("ours", MLFLOW))
    yield Figure(f"{JOB}, peak memory", peak, "MB", at_most=400, peer=MLFLOW, peer_value=of_mlflow)
    matrix = features_of(rows.slice(0, LANE_ROWS), artifact)
    lane, native = (predict_cost(scorer(artifact.model_text), matrix) for scorer in (Forest, NativeForest))
    what = "predict in the Lambda lane (numpy)"
    yield Figure(what, lane, UNIT, at_most=150, peer="LightGBM's predict alone", peer_value=native)


def work(ran: list[Ran]) -> float:
    """CPU us a row that a process says it spent, without its start."""
    return min(found["cpuSeconds"] / found["rows"] for found in (process.json() for process in ran)) * 1e6


def whole(ran: list[Ran]) -> float:
    """CPU us a row of a whole process, with those that it starts."""
    return min(process.cpu_seconds for process in ran) / ROWS * 1e6


def files_of_peer(root: Path) -> dict[str, str]:
    """What a peer is given, and where it writes."""
    names = {
        "source": "data/rows.parquet",
        "model": "model.txt",
        "signature": "signature.json",
        "target": "out.parquet",
    }
    return {use: str(root / name) for use, name in names.items()}


def features_of(rows: pa.Table, artifact: Artifact) -> Matrix:
    """The features of the good rows."""
    batch = rows.combine_chunks().to_batches()[0]
    checked = check(Rows(np.arange(1, batch.num_rows + 1), batch), artifact.signature)
    return feature_matrix(checked.columns, artifact.signature)


def predict_cost(scorer: Any, matrix: Matrix) -> float:
    """CPU us a row of margins, in the batches of a job."""

    def predict() -> None:
        for first in range(0, len(matrix), BATCH_ROWS):
            scorer.margin(matrix[first : first + BATCH_ROWS])

    return least_cpu(predict) / len(matrix) * 1e6


if __name__ == "__main__":
    print_figures(figures())

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
from tasks.artifact import Artifact
from tasks.features import Matrix, feature_matrix
from tasks.forest import Forest
from tasks.records import check
from tasks.rows import Rows
from tests.benchmarks.example_shard import example_model, flights_to_score, score
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.measure import HERE, PEERS_PYTHON, REPEATS, Ran, least_cpu, run

ROWS = 500_000
BATCH_ROWS = 16_384
UNIT = "us CPU/row"
JOB = f"job, {ROWS:,} rows of Parquet"


def figures() -> Iterator[Figure]:
    """Ours, the floor, the Lambda lane's scorer and the peers."""
    rows, artifact = flights_to_score(ROWS), example_model()
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        root = Path(directory)
        (root / "data").mkdir()
        pq.write_table(rows, root / "data" / "rows.parquet")
        (root / "model.txt").write_text(artifact.model_text)
        (root / "signature.json").write_bytes(orjson.dumps(artifact.signature.to_json()))

        matrix = features_of(rows, artifact)
        floor = predict_cost(NativeForest(artifact.model_text), matrix)
        # The least of the whole process stands for its start as well, which some peers have no way to leave out.
        ours, whole = quickest([score(root, "rows.parquet", artifact) for _ in range(REPEATS)])
        yield Figure(JOB, ours, UNIT, peer="LightGBM's predict alone", peer_value=floor)
        yield Figure("predict's share of the job", floor / ours, "of its CPU", at_least=0.92)
        for peer, times in (("MLflow pyfunc", 1.0), ("pandas and LightGBM", None), ("pandas, record by record", None)):
            command = [PEERS_PYTHON, str(HERE / "peer_scoring.py"), peer, *files_of_peer(root).values()]
            ran = [run(command) for _ in range(REPEATS)]
            yield Figure(JOB, ours, UNIT, peer=peer, peer_value=quickest(ran)[0], times=times)
            if peer == "MLflow pyfunc":
                memory = ran[0].json()["peakMegabytes"]
        options = [word for name, file in files_of_peer(root).items() for word in (f"--{name}", file)]
        command = [PEERS_PYTHON, str(HERE / "peer_metaflow.py"), "--no-pylint", "run", *options]
        metaflow = min(run(command, folder=root).cpu_seconds for _ in range(REPEATS)) / ROWS * 1e6
        yield Figure(f"{JOB}, with its start", whole, UNIT, peer="Metaflow, one worker", peer_value=metaflow)
        peak = score(root, "rows.parquet", artifact).json()["peakMegabytes"]
        yield Figure(f"{JOB}, peak memory", peak, "MB", at_most=400, peer="MLflow pyfunc", peer_value=memory)
        lane = predict_cost(Forest(artifact.model_text), matrix[:50_000])
        yield Figure(
            "predict in the Lambda lane (numpy)", lane, UNIT, at_most=150, peer="LightGBM's predict", peer_value=floor
        )


def quickest(ran: list[Ran]) -> tuple[float, float]:
    """CPU us a row: what the process says of its work, and the whole process."""
    found: list[dict[str, Any]] = [process.json() for process in ran]
    rows = found[0]["rows"]
    return (
        min(one["cpuSeconds"] for one in found) / rows * 1e6,
        min(process.cpu_seconds for process in ran) / rows * 1e6,
    )


def files_of_peer(root: Path) -> dict[str, str]:
    """What a peer is given, and where it writes."""
    names = {
        "source": "data/rows.parquet",
        "model": "model.txt",
        "signature": "signature.json",
        "target": "peer.parquet",
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

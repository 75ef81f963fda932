"""What scoring a shard costs, beside its peers in the same run, and what the items cost.

Run with `python -m tests.benchmarks.bench_scoring [--rows N] [--gigabyte]`. Figures are CPU microseconds a row of one
thread: Parquet -> features -> prediction -> Parquet. MLflow and pandas run in .venv-bench if it exists
(`python3.11 -m venv .venv-bench && .venv-bench/bin/pip install -r tests/benchmarks/requirements-bench.txt`).
`--gigabyte` also scores a file of 1 GB in each format and prints the peak memory.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from batch_jobs import flights, train
from batch_jobs.native import NativeForest
from tasks.artifact import Artifact, pack
from tasks.features import Matrix, feature_matrix
from tasks.forest import Forest
from tasks.predictions import prediction_table, put_requests
from tasks.records import check
from tasks.rows import Rows
from tasks.run_request import RunRequest
from tasks.shards import Shard

BENCH_PYTHON = Path(".venv-bench/bin/python")
PEERS = Path(__file__).parent / "peers_scoring.py"
RUN = RunRequest("bench", "s3://data/", "v1", "container", 5_000_000, 1, 0, 1, "2026-11-23", "2026-11-23T00:00:00Z")
GIGABYTE = 1 << 30
REPEATS = 3


def main() -> None:
    """Print the figures with their targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="rows of the Parquet file (default: %(default)s)")
    parser.add_argument("--items", type=int, default=20_000, help="items of the DynamoDB part (default: %(default)s)")
    parser.add_argument("--gigabyte", action="store_true", help="score 1 GB of each format and print the peak memory")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        root = Path(directory)
        (root / "data").mkdir()
        table = flights.load_flights(range(7, 13)).select(flights.FEATURES)
        rows = pa.concat_tables([table] * (asked.rows // table.num_rows + 1)).slice(0, asked.rows)
        train.PARAMETERS["num_threads"] = 1  # several would spin while they wait, and heat what is measured
        artifact = train.train(list(range(1, 7)))[0]
        compare_scoring(root, rows, artifact)
        compare_items(asked.items)
        if asked.gigabyte:
            measure_memory(root, rows, artifact)


def compare_scoring(root: Path, rows: pa.Table, artifact: Artifact) -> None:
    """Ours, the floor, the Lambda lane's scorer and the peers."""
    pq.write_table(rows, root / "data" / "rows.parquet")
    (root / "model.txt").write_text(artifact.model_text)
    (root / "signature.json").write_bytes(orjson.dumps(artifact.signature.to_json()))
    (root / "artifact").write_bytes(pack(artifact))

    matrix = features_of(rows, artifact)
    native = NativeForest(artifact.model_text)
    floor = min(predict_cost(native, matrix) for _ in range(REPEATS))
    ours = quickest(lambda: score_here(root, "rows.parquet"))
    mine = ours["cpuSeconds"] / ours["rows"] * 1e6
    lambda_lane = predict_cost(Forest(artifact.model_text), matrix[:50_000])
    print(f"Scoring {ours['rows']:,} flights, CPU us a row")
    print(f"  predict alone, LightGBM (floor)     {floor:8.2f}")
    print(f"  ours, all of it                     {mine:8.2f}   predict's share {floor / mine:.3f} (target >= .92)")
    print(f"  ours, peak memory                   {ours['peakMegabytes']:8} MB (target <= 400)")
    print(f"  predict alone, Lambda lane (numpy)  {lambda_lane:8.2f}   (target <= 150)")
    if not BENCH_PYTHON.exists():
        print("  .venv-bench does not exist: no peers were measured (see the head of bench_scoring.py)")
        return
    for peer in ("pandas frame", "MLflow pyfunc", "pandas per record"):
        command = [str(BENCH_PYTHON), str(PEERS), peer, *peer_files(root)]
        found = quickest(lambda command=command: run(command))  # type: ignore[misc]
        cost = found["cpuSeconds"] / found["rows"] * 1e6
        print(f"  {peer:35} {cost:8.2f}   ours is {cost / mine:.2f} x as fast")


def peer_files(root: Path) -> list[str]:
    """What a peer is given, and where it writes."""
    names = ("data/rows.parquet", "model.txt", "signature.json", "peer.parquet")
    return [str(root / name) for name in names]


def features_of(rows: pa.Table, artifact: Artifact) -> Matrix:
    """The features of the good rows."""
    batch = rows.combine_chunks().to_batches()[0]
    checked = check(Rows(np.arange(1, batch.num_rows + 1), batch), artifact.signature)
    return feature_matrix(checked.columns, artifact.signature)


def predict_cost(scorer: Any, matrix: Matrix) -> float:
    """CPU us a row of margins in the batches of a job."""
    start = process_time()
    for first in range(0, len(matrix), 16_384):
        scorer.margin(matrix[first : first + 16_384])
    return (process_time() - start) / len(matrix) * 1e6


def quickest(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The best of some repeats: other work on the machine only ever adds."""
    return min((measure() for _ in range(REPEATS)), key=lambda found: float(found["cpuSeconds"]))


def score_here(root: Path, key: str) -> dict[str, Any]:
    """Score a file, anew, in a process of its own."""
    shutil.rmtree(root / "results", ignore_errors=True)
    return run([sys.executable, "-m", "tests.batch_jobs.score_local_file", str(root), key, str(root / "artifact")])


def run(command: list[str]) -> dict[str, Any]:
    """Run a process that prints JSON last."""
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {ended.stderr}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def compare_items(count: int) -> None:
    """Client CPU of writing predictions to DynamoDB."""
    shard = Shard("00000", "large", "data", "rows.parquet", "etag", "parquet", None, None, 1, count, 1)
    scores = np.random.default_rng(1).random(count)
    (batch,) = prediction_table(np.arange(1, count + 1), scores, shard, "v1", 0.5).combine_chunks().to_batches()
    print(f"Writing {count:,} items to DynamoDB, client CPU seconds a million")
    with responder() as url:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
        }.items():
            os.environ.setdefault(name, value)
        os.environ["AWS_ENDPOINT_URL"] = url
        ours = item_cost(lambda: write_ours(batch), count)
        print(f"  ours                                {ours:8.1f}   (target <= 68, aim 34)")
        for name, write in (("boto3 client batch_write_item", write_client), ("boto3 batch_writer", write_resource)):
            cost = item_cost(lambda write=write: write(batch), count)  # type: ignore[misc]
            print(f"  {name:35} {cost:8.1f}   ours is {cost / ours:.1f} x as fast")


def item_cost(write: Callable[[], None], count: int) -> float:
    """CPU seconds a million items."""
    spent = []
    for _ in range(REPEATS):
        start = process_time()
        write()
        spent.append(process_time() - start)
    return min(spent) / count * 1e6


def write_ours(batch: pa.RecordBatch) -> None:
    """The job's own way."""
    from tasks.item_store import TableWriter

    TableWriter("predictions").put(put_requests(batch, RUN, 30))


def write_client(batch: pa.RecordBatch) -> None:
    """The low-level client, with prebuilt typed values."""
    import boto3

    client = boto3.client("dynamodb", region_name="us-east-1")
    items = (orjson.loads(request) for request in put_requests(batch, RUN, 30))
    for some in _chunks(items):
        client.batch_write_item(RequestItems={"predictions": some})


def write_resource(batch: pa.RecordBatch) -> None:
    """The resource's batch writer, with Python values."""
    from decimal import Decimal

    import boto3

    table = boto3.resource("dynamodb", region_name="us-east-1").Table("predictions")
    with table.batch_writer() as writer:
        for row in batch.to_pylist():
            writer.put_item(
                Item={
                    "predictionId": row["prediction_id"],
                    "runId": "bench",
                    "createdAt": 1,
                    "expirationTime": 2,
                    "score": Decimal(repr(row["score"])),
                    "prediction": row["prediction"],
                    "source": row["source"],
                    "row": row["row"],
                    "modelVersion": row["model_version"],
                }
            )


def _chunks(items: Iterator[Any]) -> Iterator[list[Any]]:
    while some := [item for item, _ in zip(items, range(25), strict=False)]:
        yield some


@contextmanager
def responder() -> Iterator[str]:
    """A process that answers like DynamoDB."""
    command = [sys.executable, "-m", "tests.benchmarks.batch_write_responder"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def measure_memory(root: Path, rows: pa.Table, artifact: Artifact) -> None:
    """Peak memory of a shard of 1 GB in each format."""
    (root / "artifact").write_bytes(pack(artifact))
    text = io.BytesIO()
    pv.write_csv(rows.slice(0, 100_000), text)
    header, _, lines = text.getvalue().partition(b"\n")
    records = rows.slice(0, 100_000).to_pylist()
    writers: dict[str, Callable[[Path], None]] = {
        "gigabyte.csv": lambda file: repeat(file, header + b"\n", lines),
        "gigabyte.jsonl": lambda file: repeat(file, b"", b"".join(orjson.dumps(record) + b"\n" for record in records)),
        "gigabyte.parquet": lambda file: one_row_group(file, rows),
    }
    print("A shard of 1 GB, peak memory (target <= 400 MB)")
    for key, write in writers.items():
        file = root / "data" / key
        write(file)
        size = file.stat().st_size
        found = score_here(root, key)
        file.unlink()
        print(
            f"  {key:20} {size / GIGABYTE:5.2f} GB {found['rows']:>12,} rows {found['peakMegabytes']:6} MB"
            f" {found['cpuSeconds'] / found['rows'] * 1e6:8.2f} us CPU a row"
        )


def repeat(file: Path, start: bytes, block: bytes) -> None:
    """Write a gigabyte of the block."""
    with file.open("wb") as out:
        out.write(start)
        while out.tell() < GIGABYTE:
            out.write(block)


def one_row_group(file: Path, rows: pa.Table) -> None:
    """Write a gigabyte of rows as one row group, without compression: the worst case for a reader."""
    many = pa.concat_tables([rows] * max(1, 12_000_000 // rows.num_rows))
    pq.write_table(many, file, row_group_size=many.num_rows, compression="none", use_dictionary=False)


if __name__ == "__main__":
    main()

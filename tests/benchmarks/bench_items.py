"""What it costs the client to write predictions to DynamoDB: CPU seconds a million items, beside boto3's two ways."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import boto3
import numpy as np
import orjson
import pyarrow as pa
from botocore.config import Config

from tasks.reading.shards import Shard
from tasks.runs.request import RunRequest
from tasks.scoring.item_store import TableWriter
from tasks.scoring.predictions import prediction_table, put_requests
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.measure import PYTHON, least_cpu

ITEMS = 20_000
ITEMS_OF_A_REQUEST = 25
RUN = RunRequest("bench", "s3://data/", "v1", "container", 5_000_000, 1, 0, 1, "2026-11-23", "2026-11-23T00:00:00Z")


def figures() -> Iterator[Figure]:
    """Ours and boto3's."""
    shard = Shard("00000", "large", "data", "rows.parquet", "etag", "parquet", None, None, 1, ITEMS, 1)
    scores = np.random.default_rng(1).random(ITEMS)
    (batch,) = prediction_table(np.arange(1, ITEMS + 1), scores, shard, "v1", 0.5).combine_chunks().to_batches()
    peers: dict[str, Callable[[pa.RecordBatch], None]] = {
        "boto3 client, no validation": lambda batch: write_with_client(batch, validate=False),
        "boto3 client": lambda batch: write_with_client(batch, validate=True),
        "boto3 resource's batch_writer": write_with_resource,
    }
    with responder() as url:
        credentials = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
        os.environ |= {**credentials, "AWS_ENDPOINT_URL": url}
        ours = a_million(lambda: TableWriter("predictions").put(put_requests(batch, RUN, 30)))
        for peer, write in peers.items():
            cost = a_million(lambda write=write: write(batch))  # type: ignore[misc]
            yield Figure("1,000,000 items", ours, "s CPU", at_most=68, peer=peer, peer_value=cost)


def a_million(write: Callable[[], object]) -> float:
    """CPU seconds of a million items, by the cost of some."""
    return least_cpu(write) / ITEMS * 1e6


def write_with_client(batch: pa.RecordBatch, *, validate: bool) -> None:
    """The low-level client, with typed values."""
    client = boto3.client("dynamodb", region_name="us-east-1", config=Config(parameter_validation=validate))
    items = (orjson.loads(request) for request in put_requests(batch, RUN, 30))
    while some := [item for item, _ in zip(items, range(ITEMS_OF_A_REQUEST), strict=False)]:
        client.batch_write_item(RequestItems={"predictions": some})


def write_with_resource(batch: pa.RecordBatch) -> None:
    """The resource's batch writer, with Python values."""
    table = boto3.resource("dynamodb", region_name="us-east-1").Table("predictions")
    with table.batch_writer() as writer:
        for row in batch.to_pylist():
            item: dict[str, Any] = {
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
            writer.put_item(Item=item)


@contextmanager
def responder() -> Iterator[str]:
    """A process that answers like DynamoDB."""
    command = [PYTHON, "-m", "tests.benchmarks.batch_write_responder"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


if __name__ == "__main__":
    print_figures(figures())

"""Scores to predictions: the table that is published, and the items of DynamoDB."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import SettingsError
from tasks.reading.shards import Shard
from tasks.runs.request import RunRequest

SCHEMA = pa.schema(
    [
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("prediction", pa.bool_(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
    ]
)
#: DynamoDB's smallest positive number (developer guide, "Supported data types"); what is below is written as 0.
_SMALLEST_NUMBER = 1e-130


def id_prefix(shard: Shard, model_version: str) -> str:
    """The part of a prediction's id that all rows of an object share under one model version.

    It does not depend on the run or on how the object was cut, so that whoever scores a row again writes the same
    key.
    """
    whole = f"{shard.bucket}/{shard.key}/{shard.etag}/{model_version}"
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def prediction_table(
    numbers: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], shard: Shard, model_version: str, threshold: float
) -> pa.Table:
    """Predictions as columns.

    Parameters
    ----------
    numbers, scores
        int64[n] rows of the object and float64[n] probabilities.

    Returns
    -------
    n rows of `SCHEMA`.
    """
    rows = pa.array(numbers)
    ids = pc.binary_join_element_wise(id_prefix(shard, model_version), rows.cast(pa.string()), "-")
    count = len(numbers)
    constants = [pa.repeat(shard.key, count), pa.repeat(model_version, count)]
    columns = [ids, constants[0], rows, pa.array(scores), pa.array(scores >= threshold), constants[1]]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def expiration_time(written_at: datetime, days: int = 30) -> int:
    """When DynamoDB may delete a prediction.

    Parameters
    ----------
    written_at
        Time of the write, timezone-aware.
    days
        Days to keep it, > 0.

    Returns
    -------
    Epoch seconds, the form that DynamoDB's time to live reads. Deletion follows within about two days
    (DynamoDB developer guide, "Time to Live"), so readers filter on it.

    Raises
    ------
    SettingsError
        If `days` is not positive.
    """
    if days < 1:
        raise SettingsError(f"predictions must be kept for at least a day, not {days}")
    return int((written_at + timedelta(days=days)).timestamp())


def put_requests(predictions: pa.RecordBatch, run: RunRequest, retention_days: int) -> Iterator[bytes]:
    """The items of some predictions, each as a `PutRequest` of BatchWriteItem in JSON.

    All times are those of the run's start: a retry writes the same item.
    """
    constant = f'"runId":{{"S":{quoted(run.run_id)}}},{times(run.started_epoch, retention_days)}'
    columns = (
        predictions["prediction_id"].to_pylist(),
        predictions["score"].to_pylist(),
        predictions["prediction"].to_pylist(),
        predictions["source"].to_pylist(),
        predictions["row"].to_pylist(),
        predictions["model_version"].to_pylist(),
    )
    text = _Quoted()
    for key, score, positive, source, row, version in zip(*columns, strict=True):
        others = f'{constant},"source":{{"S":{text[source]}}},"row":{{"N":"{row}"}}'
        yield put_request(key, score, positive, text[version], others)


def put_request(key: str, score: float, positive: bool, model_version: str, others: str) -> bytes:
    """One item as a `PutRequest` of BatchWriteItem in JSON.

    Built as text rather than through botocore's serializer, which would cost more than scoring the row.

    Parameters
    ----------
    key
        The prediction's id, which needs no escapes.
    model_version
        As a JSON string.
    others
        The other attributes, as members of a JSON object.
    """
    stored = score if score >= _SMALLEST_NUMBER else 0.0
    return (
        f'{{"PutRequest":{{"Item":{{"predictionId":{{"S":"{key}"}},"score":{{"N":"{stored!r}"}},'
        f'"prediction":{{"BOOL":{"true" if positive else "false"}}},'
        f'"modelVersion":{{"S":{model_version}}},{others}}}}}}}'
    ).encode()


def times(created_at: int, retention_days: int) -> str:
    """The attributes `createdAt` and `expirationTime`, both epoch seconds, as members of a JSON object."""
    expires = expiration_time(datetime.fromtimestamp(created_at, UTC), retention_days)
    return f'"createdAt":{{"N":"{created_at}"}},"expirationTime":{{"N":"{expires}"}}'


def quoted(text: str) -> str:
    """A text as a JSON string."""
    return orjson.dumps(text).decode()


class _Quoted(dict[str, str]):
    """Texts as JSON, each quoted once."""

    def __missing__(self, text: str) -> str:
        self[text] = quoted(text)
        return self[text]

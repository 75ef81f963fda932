"""What really happened, joined with what was predicted online.

Whoever learns the outcome of an online prediction writes it below `outcomes/online/` in the data bucket, as JSON Lines
(`.jsonl`, also `.jsonl.gz`) or Parquet (`.parquet`): `prediction_id` as the API answered it, and `label`, 1 or 0 (or
true or false), null if it is not known yet. Where one prediction has several outcomes, that of the newest object holds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet

from tasks.aws import named_failures
from tasks.deployment.sequential import Sample
from tasks.errors import InvalidOutcomes, ServiceUnavailable
from tasks.storage import Location, Storage, StoredObject

PREFIX = "outcomes/online/"

#: Keys of one BatchGetItem (DynamoDB API reference).
_KEYS_AT_ONCE = 100
_ATTEMPTS = 6


class Served(NamedTuple):
    """Which variant answered, with which model version."""

    variant: str
    version: str


@dataclass(frozen=True)
class Judged:
    """Predictions whose outcome is known: float64[n] probabilities, float64[n] outcomes, 1 or 0, and int[n] requests.

    Those that were answered together, in one request, have the same number 0, 1, 2 … in `requests`.
    """

    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.float64]
    requests: npt.NDArray[np.intp]

    @property
    def squared_errors(self) -> Sample:
        """What the sequential test compares: of each request the mean squared error, in which smaller is better.

        A squared error is the Brier score of one prediction (G. W. Brier, 1950). The endpoint draws a variant for a
        request, not for each of its records, and the records of one request are often alike: they count as one
        observation, else the test would take them for more evidence than they are.
        """
        errors = np.bincount(self.requests, weights=(self.scores - self.labels) ** 2)
        return Sample.of(np.minimum(errors / np.bincount(self.requests), 1.0))


NOTHING_JUDGED = Judged(np.empty(0), np.empty(0), np.empty(0, np.intp))


def judge_predictions(
    storage: Storage, dynamodb: Any, bucket: str, table: str, since: datetime
) -> Mapping[Served, Judged]:
    """Judge the online predictions by the outcomes that are known.

    Parameters
    ----------
    dynamodb
        A botocore client of DynamoDB.
    bucket, table
        The data bucket, and the table of predictions.
    since
        Outcomes that were written before this time are left out.

    Returns
    -------
    By variant and model version; only those with an outcome. Outcomes of predictions that are not in the table (any
    more), or are not of the endpoint, do not count.

    Raises
    ------
    InvalidOutcomes
        If an object is not of the form that outcomes have.
    ServiceUnavailable, AccessRefused
        If S3 or DynamoDB do not take part.
    """
    outcomes = read_outcomes(storage, bucket, since)
    found: defaultdict[Served, list[tuple[float, float, str]]] = defaultdict(list)
    for item in _items(dynamodb, table, list(outcomes)):
        if "variant" in item:
            served = Served(item["variant"]["S"], item["modelVersion"]["S"])
            key = item["predictionId"]["S"]
            # The API names its predictions {request id}-{place}; a record of the stream stands for itself.
            request = key.rpartition("-")[0] if item.get("source", {}).get("S") == "api" else key
            found[served].append((float(item["score"]["N"]), outcomes[key], request))
    return {served: _judged(entries) for served, entries in found.items()}


def _judged(entries: Sequence[tuple[float, float, str]]) -> Judged:
    scores, labels, requests = zip(*entries, strict=True)
    return Judged(np.array(scores), np.array(labels), np.unique(requests, return_inverse=True)[1])


def read_outcomes(storage: Storage, bucket: str, since: datetime) -> dict[str, float]:
    """The outcomes that were written since then, 1.0 or 0.0, by prediction id.

    Raises
    ------
    InvalidOutcomes
        If an object is not of the form that outcomes have; names it.
    """
    begin = since.replace(microsecond=0)  # S3 tells times to the second
    written = [each for each in storage.list(Location(bucket, PREFIX)) if each.size and each.modified >= begin]
    outcomes: dict[str, float] = {}
    for each in sorted(written, key=lambda each: (each.modified, each.key)):
        outcomes |= _outcomes_of(each, storage, Location(bucket, each.key))
    return outcomes


def _outcomes_of(stored: StoredObject, storage: Storage, place: Location) -> dict[str, float]:
    try:
        table = _table(stored.key, storage.read(place) or b"")
        ids, labels = table["prediction_id"].to_pylist(), table["label"].to_pylist()
    except (pa.ArrowException, KeyError, OSError) as error:
        raise InvalidOutcomes(
            f"{place} is no JSON Lines or Parquet with prediction_id and label: {error}; mend it or move it out of "
            f"{PREFIX}"
        ) from error
    known = {key: label for key, label in zip(ids, labels, strict=True) if label is not None}
    for key, label in known.items():
        if not isinstance(key, str) or label not in (0, 1):
            raise InvalidOutcomes(f"{place}: the outcome of {key!r} is {label!r}; it must be 1, 0 or null")
    return {key: float(label) for key, label in known.items()}


def _table(key: str, body: bytes) -> pa.Table:
    if key.endswith(".parquet"):
        return pa.parquet.read_table(pa.BufferReader(body), columns=["prediction_id", "label"])
    if not key.endswith((".jsonl", ".jsonl.gz")):
        raise KeyError("its name ends with neither .jsonl, .jsonl.gz nor .parquet")
    source = pa.input_stream(pa.BufferReader(body), compression="gzip" if key.endswith(".gz") else None)
    return pa.json.read_json(source)


def _items(dynamodb: Any, table: str, keys: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The items of some predictions, as far as there are any."""
    remaining = iter(keys)
    while some := list(islice(remaining, _KEYS_AT_ONCE)):
        request = {
            table: {
                "Keys": [{"predictionId": {"S": key}} for key in some],
                "ProjectionExpression": "predictionId, score, variant, modelVersion, #source",
                "ExpressionAttributeNames": {"#source": "source"},  # a reserved word
            }
        }
        for attempt in range(_ATTEMPTS):
            with named_failures(f"read predictions from {table}"):
                answer = dynamodb.batch_get_item(RequestItems=request)
            yield from answer["Responses"].get(table, ())
            request = answer.get("UnprocessedKeys") or {}
            if not request:
                break
            time.sleep(0.05 * 2**attempt)
        else:
            raise ServiceUnavailable(f"{table} did not give all predictions in {_ATTEMPTS} attempts")

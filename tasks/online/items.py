"""Predictions of online callers to items of DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.models.endpoint import Answer
from tasks.scoring.predictions import put_request, quoted, times


@dataclass(frozen=True)
class Origin:
    """Where a record came from, and so under which key its prediction is stored.

    `created_at` is the epoch second in which the record reached AWS, not that of the write: who handles it again
    writes the same item.
    """

    prediction_id: str
    source: Literal["api", "stream"]
    created_at: int
    partition_key: str | None = None


def put_requests(origins: Sequence[Origin], answer: Answer, retention_days: int) -> Iterator[bytes]:
    """The items of an answer, each as a `PutRequest` of BatchWriteItem in JSON.

    Parameters
    ----------
    origins
        n, one for each prediction, in their order.
    """
    variant, version = quoted(answer.variant), quoted(answer.model_version)
    for origin, (score, positive) in zip(origins, answer.predictions, strict=True):
        others = f'"source":{{"S":"{origin.source}"}},"variant":{{"S":{variant}}},'
        if origin.partition_key is not None:
            others += f'"partitionKey":{{"S":{quoted(origin.partition_key)}}},'
        yield put_request(
            origin.prediction_id, score, positive, version, others + times(origin.created_at, retention_days)
        )

"""From the body of a request to the body of its answer; knows nothing of connections."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson

from batch_jobs.errors import NoProbability
from batch_jobs.serving.complaints import examine
from batch_jobs.serving.encoding import RecordEncoder
from batch_jobs.serving.errors import RequestRefused
from batch_jobs.serving.model_directory import LoadedModel
from batch_jobs.serving.traffic import Traffic
from tasks.records.features import Matrix

Rows = list[list[float]]

#: Records that a request may hold.
MOST_RECORDS = 10_000
#: Records that may be scored while everybody waits, if the model needs no more than so many seconds for them.
_FEW_RECORDS, _BRIEFLY = 8, 1e-3
#: Complaints that an answer lists.
_MOST_COMPLAINTS = 100
_FORM = '{"records": [{"feature": value, …}, …]}'


class Predictor:
    """Answers requests with a model version.

    Parameters
    ----------
    version
        Id of the model version, for the answers.
    threshold
        The score from which a prediction is true.
    traffic
        Is told of each score.

    Attributes
    ----------
    most_at_once
        Records that are scored within a millisecond, one by one; none, if the model is slow.
    """

    def __init__(self, model: LoadedModel, version: str, threshold: float, traffic: Traffic) -> None:
        self._signature, self._scorer, self._score_one = model.signature, model.scorer, model.score_one
        self._encoder = RecordEncoder(model.signature)
        self._version, self._threshold, self._traffic = version, threshold, traffic
        self.most_at_once = min(_FEW_RECORDS, int(_BRIEFLY / model.row_seconds))

    def answer(self, body: bytes) -> bytes:
        """Do all there is to do, in any thread.

        Parameters
        ----------
        body
            JSON of the form that `_FORM` shows.

        Raises
        ------
        RequestRefused
            If the body is not of that form or any record is bad; nothing is predicted then.
        """
        records = _records(body)
        rows = self._encoder.encode(records)
        return self.written(self.scores(self._examined(records) if rows is None else rows))

    def plain_rows(self, body: bytes) -> Rows | None:
        """The features of each record, if the body is plainly good: what `answer` alone can judge gives None."""
        try:
            return self._encoder.encode(_records(body))
        except RequestRefused:
            return None

    def scores(self, features: Rows | Matrix) -> list[float]:
        """Score n rows of k features; most of the time other threads can run.

        Raises
        ------
        RequestRefused
            With 500, if the model gives a record no probability: that is not the record's fault.
        """
        try:
            scores: list[float] = self._scorer.scores(np.asarray(features, np.float64)).tolist()
        except NoProbability as error:
            message = f"the model gives record {error.place} no probability: {error.what}"
            raise RequestRefused(500, "ModelFailed", message) from error
        return scores

    def scores_one_by_one(self, rows: Rows) -> list[float]:
        """Score a few rows, to the same bits. To be called in one thread only, which lets no other run meanwhile."""
        try:
            return [self._score_one(row) for row in rows]
        except NoProbability:
            return self.scores(rows)  # knows which record it is

    def written(self, scores: list[float]) -> bytes:
        """The body of an answer with these scores."""
        threshold = self._threshold
        self._traffic.scored(scores)
        predictions = [{"score": score, "prediction": score >= threshold} for score in scores]
        return orjson.dumps({"modelVersion": self._version, "predictions": predictions})

    def _examined(self, records: list[Any]) -> Matrix:
        features, complaints = examine(records, self._signature)
        if features is None:
            more = len(complaints) - _MOST_COMPLAINTS
            bad = len({complaint.record for complaint in complaints})
            raise RequestRefused(
                400,
                "InvalidRecords",
                f"{bad} of {len(records)} records cannot be scored, so none was"
                + (f"; {more} more errors are not listed" if more > 0 else ""),
                complaints[:_MOST_COMPLAINTS],
            )
        return features


def _records(body: bytes) -> list[Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        document = _read_leniently(body)
        if document is None:
            raise RequestRefused(400, "InvalidRequest", f"the body is not JSON: {error}") from error
    records = document.get("records") if type(document) is dict else None
    if type(records) is not list or len(document) > 1:
        raise RequestRefused(400, "InvalidRequest", f"the body must be of the form {_FORM}")
    if not 1 <= len(records) <= MOST_RECORDS:
        raise RequestRefused(
            400, "InvalidRequest", f"the body has {len(records)} records; it must have 1 to {MOST_RECORDS}"
        )
    return records


def _read_leniently(body: bytes) -> Any:
    """A document with NaN or Infinity in it, which are no JSON, but are sent: the check then names their fields."""
    try:
        document = json.loads(body.decode())
        orjson.dumps(document)  # half a surrogate pair, or nesting without end, must not get any further
    except (ValueError, TypeError, RecursionError):
        return None
    return document

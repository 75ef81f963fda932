"""The scorer that has no model: the function `preprocess` checks the rows, and a variant of the endpoint scores them.

The outcome has the same bits as with the artifact at hand: both sides check with the same code, numbers survive JSON
(the shortest text that is read back as the same float64), and the variant's server evaluates the model as a job does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa

from tasks.aws import client
from tasks.errors import (
    EndpointAnswerInvalid,
    EndpointRefused,
    EndpointUnavailable,
    InvalidRecords,
    PreprocessingFailed,
    PreprocessingUnavailable,
    RecordsTooLarge,
    VersionNotServed,
)
from tasks.models.endpoint import ModelEndpoint
from tasks.models.version import RegisteredVersion
from tasks.records.cleaning import clean_rows
from tasks.records.raw import raw_records
from tasks.records.rows import BadRow, Rows
from tasks.records.signature import Signature
from tasks.scoring.remote_preprocessing import PreprocessFunction, TooMuchAtOnce
from tasks.scoring.shard import Scored, Stages
from tasks.scoring.throttle import Pressure

#: Calls that a job may have under way: while some wait for answers, others are prepared.
IN_FLIGHT = 4
#: Bytes of the records of one call. Lambda and SageMaker take 6 MB, but what is said of bad records may be longer.
MOST_BYTES = 1 << 20
#: A container may take 60 s to answer (SageMaker developer guide, "Custom Inference Code with Hosting Services").
_READ_SECONDS = 65

_ANOTHER_WAY = "start the run again with the scorer container or auto, under another runId"

#: With these the endpoint, or what leads to it, is at fault, and the artifact would do.
ENDPOINT_FAILURES = (
    EndpointAnswerInvalid,
    EndpointRefused,
    EndpointUnavailable,
    PreprocessingFailed,
    PreprocessingUnavailable,
    VersionNotServed,
)

Record = Mapping[str, float | str | None]


def patient_endpoint(name: str) -> ModelEndpoint:
    """The endpoint for callers with time; each attempt is one call, so that the caller can count them."""
    return ModelEndpoint(name, client("sagemaker-runtime", attempts=1, read_seconds=_READ_SECONDS))


@dataclass(frozen=True)
class _Part:
    """Outcome of some rows: positions and scores of the good ones, and the bad ones."""

    positions: Sequence[int]
    scores: Sequence[float]
    bad: Sequence[BadRow]


class EndpointScorer:
    """A model version behind the endpoint; implements `tasks.scoring.shard.RowsModel`.

    Parameters
    ----------
    version, signature
        The version, and what it reads of a row.
    variant
        The variant that serves it.
    endpoint, preprocess
        Whom to ask.
    pressure
        How much of both to take.
    records_per_call
        Records of a mini-batch, 1 to 10,000.
    """

    kind: Literal["endpoint"] = "endpoint"

    def __init__(
        self,
        version: RegisteredVersion,
        signature: Signature,
        variant: str,
        *,
        endpoint: ModelEndpoint,
        preprocess: PreprocessFunction,
        pressure: Pressure,
        records_per_call: int,
    ) -> None:
        self._version, self._signature, self._variant = version, signature, variant
        self._endpoint, self._preprocess, self._pressure = endpoint, preprocess, pressure
        self._most = records_per_call

    @property
    def version_id(self) -> str:
        """Id of the version."""
        return self._version.version_id

    @property
    def threshold(self) -> float:
        """The score from which a prediction is true."""
        return self._version.threshold

    @property
    def signature(self) -> Signature:
        """What the version reads of a row."""
        return self._signature

    def score(self, rows: Rows, stages: Stages) -> Scored:
        """Check rows and score the good ones.

        Raises
        ------
        VersionNotServed
            If the variant serves another version by now.
        EndpointUnavailable, PreprocessingUnavailable
            If one of them says "later" for minutes.
        EndpointRefused, EndpointAnswerInvalid, PreprocessingFailed, AccessRefused
            If they do not take part.
        """
        with stages.time("check"):
            raw = raw_records(rows, self.signature)
            bodies = [None if record is None else orjson.dumps(record) for record in raw.records]
            sent = [place for place, body in enumerate(bodies) if body is not None and len(body) <= MOST_BYTES]
            parts = [self._here(rows, sorted(set(range(len(bodies))) - set(sent)))] if len(sent) < len(bodies) else []
            batches = list(_mini_batches([(place, bodies[place] or b"") for place in sent], self._most))
        with stages.time("predict"):
            parts += self._pressure.each(lambda batch: self._there(rows, batch, text=raw.text), batches)
        whole = _joined(parts)
        places, scores = np.array(whole.positions, np.int64), np.array(whole.scores, np.float64)
        order = np.argsort(places)
        return Scored(
            rows.numbers[places[order]], scores[order], sorted([*rows.broken, *whole.bad], key=lambda row: row.row)
        )

    def _here(self, rows: Rows, places: Sequence[int]) -> _Part:
        """Check what cannot travel as JSON: most of it is bad for just that reason."""
        local = clean_rows(_taken(rows, places), self.signature)
        at = {int(rows.numbers[place]) - 1: place for place in places}
        positions = [at[position] for position in local.positions]
        return _Part(positions, self._scores(local.records), local.bad)

    def _there(self, rows: Rows, batch: Sequence[tuple[int, bytes]], *, text: bool) -> _Part:
        """Check and score a mini-batch, in halves if there is too much to say of it."""
        try:
            done = self._pressure.patiently(
                lambda: self._preprocess.clean([body for _, body in batch], self.version_id, text=text)
            )
        except TooMuchAtOnce as error:
            if len(batch) == 1:
                number = rows.numbers[batch[0][0]]
                raise PreprocessingFailed(f"row {number} alone is too much for a call of preprocess") from error
            middle = len(batch) // 2
            return _joined([self._there(rows, half, text=text) for half in (batch[:middle], batch[middle:])])
        bad = [
            BadRow(int(rows.numbers[batch[at][0]]), flaws, rows.record(batch[at][0], self.signature.names))
            for at, flaws in sorted(done.flaws.items())
        ]
        good = [place for at, (place, _) in enumerate(batch) if at not in done.flaws]
        return _Part(good, self._scores(done.records), bad)

    def _scores(self, records: Sequence[Record]) -> list[float]:
        scores: list[float] = []
        for first in range(0, len(records), self._most):
            try:
                answer = self._pressure.call(
                    partial(self._endpoint.predict, records[first : first + self._most], self._variant)
                )
            except RecordsTooLarge as error:
                raise EndpointRefused(f"{self._variant} cannot be asked: {error}; {_ANOTHER_WAY}") from error
            except InvalidRecords as error:
                # They were checked with the signature of our version.
                raise VersionNotServed(
                    f"{self._variant} does not take records that fit {self.version_id}: {error}; {_ANOTHER_WAY}"
                ) from error
            if answer.model_version != self.version_id:
                raise VersionNotServed(
                    f"{self._variant} serves {answer.model_version} by now, and {self.version_id} is to score; "
                    f"{_ANOTHER_WAY}"
                )
            scores += [prediction.score for prediction in answer.predictions]
        return scores


def _joined(parts: Sequence[_Part]) -> _Part:
    return _Part(
        [place for part in parts for place in part.positions],
        [score for part in parts for score in part.scores],
        [row for part in parts for row in part.bad],
    )


def _mini_batches(records: Sequence[tuple[int, bytes]], most: int) -> Iterator[list[tuple[int, bytes]]]:
    """Cut into lists of at most `most` records and `MOST_BYTES` bytes."""
    batch: list[tuple[int, bytes]] = []
    size = 0
    for place, body in records:
        if batch and (len(batch) == most or size + len(body) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((place, body))
        size += len(body)
    if batch:
        yield batch


def _taken(rows: Rows, places: Sequence[int]) -> Rows:
    """Some of the rows, without the broken ones."""
    return replace(
        rows,
        numbers=rows.numbers[list(places)],
        columns=rows.columns.take(pa.array(places, pa.int64())),
        broken=(),
        flaws={at: rows.flaws[place] for at, place in enumerate(places) if place in rows.flaws},
        records=None if rows.records is None else [rows.records[place] for place in places],
    )

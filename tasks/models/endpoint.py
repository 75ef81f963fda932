"""The model endpoint: cleaned records to predictions; the one module that calls SageMaker Runtime."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson
from botocore.exceptions import ClientError

from tasks.aws import client, error_code, named_failures
from tasks.aws_limits import SAGEMAKER_BODY
from tasks.errors import (
    EndpointAnswerInvalid,
    EndpointRefused,
    EndpointUnavailable,
    InvalidRecords,
    RecordError,
    RecordsTooLarge,
    ServiceUnavailable,
)

#: Callers wait at most 29 s for the API: two attempts, the waits and what else a request needs fit into that.
_PATIENCE = {"attempts": 2, "connect_seconds": 2, "read_seconds": 8}
#: Statuses below 500 with which a model container says "later".
_LATER_STATUSES = {408, 429}
_LONGEST_MESSAGE = 300
_HEAD, _TAIL = b'{"records":[', b"]}"


class Prediction(NamedTuple):
    """A probability, 0 to 1, and whether the model takes it for a yes."""

    score: float
    prediction: bool


@dataclass(frozen=True)
class Answer:
    """One prediction for each record, in their order, all by one variant, which serves one model version."""

    variant: str
    model_version: str
    predictions: Sequence[Prediction]


class ModelEndpoint:
    """A SageMaker endpoint whose containers speak our JSON.

    Parameters
    ----------
    name
        Name of the endpoint.
    runtime
        A botocore client of `sagemaker-runtime`; default: the process's own.
    """

    def __init__(self, name: str, runtime: Any = None) -> None:
        self._name = name
        self._runtime = runtime if runtime is not None else client("sagemaker-runtime", **_PATIENCE)

    def predict(self, records: Sequence[Mapping[str, float | str | None]], variant: str | None = None) -> Answer:
        """Predict some records: with a single call, or with as many as their bytes need.

        The variant that answers the first call answers the others.

        Parameters
        ----------
        records
            1 to 10,000 checked records by feature name.
        variant
            Which variant shall answer, whatever its weight; None: SageMaker picks one by the weights.

        Raises
        ------
        InvalidRecords
            If the variant's model does not take some records: its signature may be another one than that they were
            checked with.
        RecordsTooLarge
            If one record alone is more than SageMaker takes; nothing was sent then.
        EndpointUnavailable
            If the endpoint throttles, times out, fails, its model is not ready, or was replaced between two calls.
        EndpointRefused, AccessRefused
            If it does not take the request.
        EndpointAnswerInvalid
            If it answers something else than one prediction for each record.
        """
        body = orjson.dumps({"records": records})
        if len(body) <= SAGEMAKER_BODY.value:
            return self._invoke(body, len(records), variant)
        answers: list[Answer] = []
        first = 0
        for part in _parts([orjson.dumps(record) for record in records]):
            try:
                answers.append(self._invoke(_HEAD + b",".join(part) + _TAIL, len(part), variant))
            except InvalidRecords as error:
                raise InvalidRecords(
                    [replace(entry, record=(entry.record or 0) + first) for entry in error.errors]
                ) from error
            variant = answers[0].variant
            first += len(part)
        versions = {answer.model_version for answer in answers}
        if len(versions) > 1:
            raise EndpointUnavailable(f"{variant} of {self._name} changed its model meanwhile: {sorted(versions)}")
        predictions = [prediction for answer in answers for prediction in answer.predictions]
        return replace(answers[0], predictions=predictions)

    def _invoke(self, content: bytes, count: int, variant: str | None) -> Answer:
        try:
            with named_failures(f"invoke the endpoint {self._name}"):
                answer = self._runtime.invoke_endpoint(
                    EndpointName=self._name,
                    ContentType="application/json",
                    Accept="application/json",
                    Body=content,
                    **({} if variant is None else {"TargetVariant": variant}),
                )
                body = answer["Body"].read()
        except ClientError as error:
            raise self._named(error, count) from error
        except ServiceUnavailable as error:
            raise EndpointUnavailable(str(error)) from error
        return self._parsed(answer.get("InvokedProductionVariant"), body, count)

    def _named(self, error: ClientError, count: int) -> Exception:
        """The name of a failure that is the endpoint's own.

        A container's answer other than 2xx arrives as ModelError, with the original status and body (SageMaker API
        reference, "InvokeEndpoint"). The status is 0 if there was no answer in time.
        """
        code = error_code(error)
        if code == "ModelError":
            details: Mapping[str, Any] = error.response
            status, said = int(details.get("OriginalStatusCode") or 0), str(details.get("OriginalMessage") or "")
            if status == 400 and (errors := _record_errors(said, count)):
                return InvalidRecords(errors)
            if not 400 <= status < 500 or status in _LATER_STATUSES:
                return EndpointUnavailable(f"the model behind {self._name} failed with status {status}: {said[:1000]}")
            return EndpointRefused(
                f"the model behind {self._name} does not take the request, status {status}: {said[:1000]}"
            )
        if code == "ModelNotReadyException":
            return EndpointUnavailable(f"the model behind {self._name} is not ready: {error}")
        if code == "ValidationError" and "not found" in str(error):
            return EndpointUnavailable(f"the endpoint {self._name} is not there yet, or no more: {error}")
        return EndpointRefused(f"the endpoint {self._name} does not take the request: {error}")

    def _parsed(self, variant: Any, body: bytes, count: int) -> Answer:
        try:
            document = orjson.loads(body)
            version, entries = document["modelVersion"], document["predictions"]
            predictions = [_prediction(entry) for entry in entries]
            if not (isinstance(variant, str) and variant and isinstance(version, str) and version):
                raise ValueError("it does not say which variant and which model version answered")
            if len(predictions) != count:
                raise ValueError(f"{len(predictions)} predictions for {count} records")
        except (ValueError, TypeError, KeyError) as error:
            raise EndpointAnswerInvalid(f"the endpoint {self._name} gave no valid answer: {error!r}") from error
        return Answer(variant, version, predictions)


def _parts(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut records, each as JSON, into parts that SageMaker takes as one body each.

    Raises
    ------
    RecordsTooLarge
        Before the first part, if a record is more than that alone.
    """
    most = SAGEMAKER_BODY.value - len(_HEAD) - len(_TAIL)
    too_large = [
        RecordError(place, None, f"the record is {len(record):,} bytes as JSON, and the endpoint takes {most:,}")
        for place, record in enumerate(records)
        if len(record) > most
    ]
    if too_large:
        raise RecordsTooLarge(too_large)
    part: list[bytes] = []
    size = 0
    for record in records:
        if part and size + len(part) + len(record) > most:  # with a comma before each
            yield part
            part, size = [], 0
        part.append(record)
        size += len(record)
    yield part


def _prediction(entry: Any) -> Prediction:
    score, positive = entry["score"], entry["prediction"]
    if isinstance(score, bool) or not isinstance(score, int | float) or not (math.isfinite(score) and 0 <= score <= 1):
        raise ValueError(f"the score {score!r} is no probability")
    if not isinstance(positive, bool):
        raise TypeError(f"the prediction {positive!r} is neither true nor false")
    return Prediction(float(score), positive)


def _record_errors(said: str, count: int) -> list[RecordError]:
    """What a container says about single records; nothing if it does not."""
    try:
        entries = orjson.loads(said)["errors"]
        errors = [RecordError(entry["record"], entry["field"], entry["message"]) for entry in entries]
    except (ValueError, TypeError, KeyError):
        return []
    right = all(
        type(error.record) is int
        and 0 <= error.record < count
        and isinstance(error.field, str | None)
        and isinstance(error.message, str)
        for error in errors
    )
    return [replace(error, message=error.message[:_LONGEST_MESSAGE]) for error in errors] if right else []

"""Answers of the API, in the form that API Gateway's Lambda proxy integration takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tasks.errors import (
    EndpointAnswerInvalid,
    EndpointRefused,
    EndpointUnavailable,
    InvalidRequest,
    MethodNotAllowed,
    ServiceUnavailable,
    UnsupportedMediaType,
)
from tasks.models.endpoint import Answer

#: When to come back after a 503. Throttling passes in seconds; a variant that scales out takes minutes.
RETRY_AFTER_SECONDS = 5
#: Most errors that an answer lists: a person mends the first ones first, and Lambda's answers have a size limit.
MOST_ERRORS = 100

#: What callers are told of failures that are not theirs: never the words of the failure, which may name our insides.
_OURS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (EndpointUnavailable, 503, "EndpointUnavailable", "the model is not available at the moment; try again"),
    (ServiceUnavailable, 503, "ServiceUnavailable", "the service is not available at the moment; try again"),
    (EndpointRefused, 502, "EndpointRefused", "the model did not take the records"),
    (EndpointAnswerInvalid, 502, "EndpointAnswerInvalid", "the model gave no valid answer"),
    (Exception, 500, "InternalError", "the request failed; it is logged under its id"),
)
#: Errors of the caller, whose words are for the caller.
_THEIRS: tuple[tuple[type[Exception], int], ...] = (
    (InvalidRequest, 400),
    (MethodNotAllowed, 405),
    (UnsupportedMediaType, 415),
)


def success(request_id: str, answer: Answer, prediction_ids: Sequence[str], *, single: bool) -> dict[str, Any]:
    """The answer with predictions: of a single record, or of a list of them in the order of the records."""
    predictions = [
        {"predictionId": prediction_id, "score": score, "prediction": positive}
        for prediction_id, (score, positive) in zip(prediction_ids, answer.predictions, strict=True)
    ]
    head = {"requestId": request_id, "modelVersion": answer.model_version, "variant": answer.variant}
    return _response(200, head | (predictions[0] if single else {"predictions": predictions}))


def failure(request_id: str, error: Exception) -> dict[str, Any]:
    """The answer to a request that failed, whatever the error."""
    status = next((status for kind, status in _THEIRS if isinstance(error, kind)), None)
    if status is not None:
        errors = error.errors if isinstance(error, InvalidRequest) else ()
        document = {
            "error": type(error).__name__,
            "message": str(error),
            "requestId": request_id,
            "errors": [entry.to_json() for entry in errors[:MOST_ERRORS]],
        }
        return _response(status, document)
    status, name, message = next(entry[1:] for entry in _OURS if isinstance(error, entry[0]))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    return _response(status, {"error": name, "message": message, "requestId": request_id, "errors": []}, headers)


def _response(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": orjson.dumps(document).decode(),
        "isBase64Encoded": False,
    }

"""Lambda `predict`: answers the API."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.errors import InvalidRequest, MethodNotAllowed, UnsupportedMediaType
from tasks.handlers.telemetry import count_predictions, logger, metrics, tell_setback, traced
from tasks.online import api_answer
from tasks.online.api_answer import MOST_ERRORS
from tasks.online.api_request import ApiRequest
from tasks.online.items import Origin
from tasks.online.prediction import Online
from tasks.settings import Settings


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Predict records.

    Input: API Gateway's proxy event of `GET /predict?feature=value…` or `POST /predict` with `{"records": […]}`.
    Output: a proxy answer; see `tasks.online.api_answer`. Each prediction is stored before it is told; an answer out of
    the gateway's cache is the earlier one, with the earlier ids.
    Errors: none; each has its status, and what is not the caller's fault is logged under the request's id.
    """
    request_id: str = event["requestContext"]["requestId"]
    logger.append_keys(api_request_id=request_id)
    invalid = failed = 0
    try:
        answer = _predict(event, request_id)
    except (InvalidRequest, MethodNotAllowed, UnsupportedMediaType) as error:
        errors = error.errors if isinstance(error, InvalidRequest) else ()
        invalid = len({entry.record for entry in errors} - {None})
        # Which fields, but not what was in them: a log is no copy of the data.
        fields = sorted({entry.shown_field for entry in errors[:MOST_ERRORS] if entry.shown_field is not None})
        logger.info("refused", extra={"error": type(error).__name__, "fields": fields, "invalid_records": invalid})
        answer = api_answer.failure(request_id, error)
    except Exception as error:  # whatever it is, the caller gets an answer, and one without details
        failed = 1
        logger.exception("failed", extra={"error": type(error).__name__})
        answer = api_answer.failure(request_id, error)
    metrics.add_metric("InvalidRecords", MetricUnit.Count, invalid)
    metrics.add_metric("FailedRequests", MetricUnit.Count, failed)
    return answer


def _predict(event: dict[str, Any], request_id: str) -> dict[str, Any]:
    settings = Settings.from_environment()
    request = ApiRequest.parse(event, settings.most_records)
    online = _online()
    records = request.cleaned(online.signature)
    received_at = event["requestContext"]["requestTimeEpoch"] // 1000
    origins = [Origin(f"{request_id}-{place}", "api", received_at) for place in range(len(records))]
    answer = online.predict(records, origins)
    count_predictions(len(records), answer.variant)
    logger.info(
        "predicted", extra={"records": len(records), "variant": answer.variant, "model_version": answer.model_version}
    )
    prediction_ids = [origin.prediction_id for origin in origins]
    return api_answer.success(request_id, answer, prediction_ids, single=request.single)


@cache
def _online() -> Online:
    """The online path, kept between invocations."""
    return Online.of(Settings.from_environment(), tell_setback)

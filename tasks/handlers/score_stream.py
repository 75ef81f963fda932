"""Lambda `score-stream`: predicts the records of the Kinesis stream."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import count_predictions, logger, metrics, tell_setback, traced
from tasks.online.prediction import Online
from tasks.online.stream_quarantine import Quarantine
from tasks.online.stream_record import StreamRecord
from tasks.online.stream_scoring import score_batch
from tasks.settings import Settings
from tasks.storage import Storage


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Predict a batch.

    Input: Lambda's Kinesis event; the data of a record is one JSON object of features.
    Output: `{"batchItemFailures": [{"itemIdentifier": the lowest sequence number that was not handled}]}`, empty when
    all were. Errors: none that a service causes.
    """
    settings = Settings.from_environment()
    quarantine = Quarantine(settings.required("results_bucket"), Storage())
    records = [StreamRecord.parse(record) for record in event["Records"]]
    outcome = score_batch(records, _online(), quarantine)
    for failure in outcome.failures:
        logger.error("not handled", extra={"error": type(failure).__name__, "reason": str(failure)})
    if outcome.answer:
        count_predictions(len(outcome.answer.predictions), outcome.answer.variant)
    metrics.add_metric("PoisonRecords", MetricUnit.Count, len(outcome.poisons))
    metrics.add_metric("UnhandledRecords", MetricUnit.Count, len(outcome.unhandled))
    logger.info(
        "scored",
        extra={
            "records": len(records),
            "predictions": len(outcome.answer.predictions) if outcome.answer else 0,
            "poison_records": len(outcome.poisons),
            "unhandled_records": len(outcome.unhandled),
        },
    )
    return outcome.to_response()


@cache
def _online() -> Online:
    """The online path, kept between invocations."""
    return Online.of(Settings.from_environment(), tell_setback)

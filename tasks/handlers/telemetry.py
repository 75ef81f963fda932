"""Logs, metrics and traces of every function."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from tasks.models.active_version import Setback

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

#: Of the metrics; the deployment says in POWERTOOLS_SERVICE_NAME whose they are.
NAMESPACE = "ml-pipeline"
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", NAMESPACE)

logger = Logger(service=_SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=_SERVICE)


def count_predictions(count: int, variant: str) -> None:
    """Count what a variant of the endpoint predicted; `metrics` stays free for what no variant did."""
    dimensions = {"service": _SERVICE, "variant": variant}
    with single_metric("Predictions", MetricUnit.Count, count, namespace=NAMESPACE, default_dimensions=dimensions):
        pass


def tell_setback(setback: Setback) -> None:
    """Count that the active version was of no use, and log it when that is news."""
    metrics.add_metric("ActiveVersionFailures", MetricUnit.Count, 1)
    if setback.is_news:
        instead = None if setback.instead is None else setback.instead.version_id
        details = {"error": type(setback.failure).__name__, "reason": str(setback.failure), "instead": instead}
        logger.error("active version not usable", extra=details)


def count_run_without_input(schedule: str) -> None:
    """Count a run that a schedule started for nothing."""
    dimensions = {"service": _SERVICE, "schedule": schedule}
    with single_metric("RunsWithoutInput", MetricUnit.Count, 1, namespace=NAMESPACE, default_dimensions=dimensions):
        pass


def traced(handler: Handler) -> Handler:
    """Trace a handler with X-Ray, in Lambda and unless POWERTOOLS_TRACE_DISABLED is true.

    Powertools loads the X-Ray SDK even for a tracer that is disabled, which takes 0.1 s of every cold start; so no
    tracer is made where none is wanted. Neither errors nor answers are captured: they may quote records.
    """
    disabled = os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in ("1", "true", "yes", "on", "y", "t")
    if disabled or "LAMBDA_TASK_ROOT" not in os.environ:
        return handler
    from aws_lambda_powertools import Tracer

    tracer = Tracer(service=_SERVICE)
    traced_handler: Handler = tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)
    return traced_handler

"""Logs, metrics and traces of every function."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

logger = Logger(service="ml-pipeline")
metrics = Metrics(namespace="ml-pipeline", service="ml-pipeline")


def traced(handler: Handler) -> Handler:
    """Trace a handler with X-Ray, in Lambda and unless POWERTOOLS_TRACE_DISABLED is true.

    Powertools loads the X-Ray SDK even for a tracer that is disabled, which takes 0.1 s of every cold start; so no
    tracer is made where none is wanted. Errors are not captured: their messages may quote records.
    """
    disabled = os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in ("1", "true", "yes", "on", "y", "t")
    if disabled or "LAMBDA_TASK_ROOT" not in os.environ:
        return handler
    from aws_lambda_powertools import Tracer

    traced_handler: Handler = Tracer(service="ml-pipeline").capture_lambda_handler(handler, capture_error=False)
    return traced_handler

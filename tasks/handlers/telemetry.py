"""Logs, metrics and traces of every function. The service's name comes from `POWERTOOLS_SERVICE_NAME`."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger(service="ml-pipeline")
metrics = Metrics(namespace="ml-pipeline", service="ml-pipeline")
#: Does nothing outside of Lambda, and where POWERTOOLS_TRACE_DISABLED is true.
tracer = Tracer(service="ml-pipeline")

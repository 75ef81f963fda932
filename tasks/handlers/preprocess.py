"""Lambda `preprocess`: raw records to those that a model takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import logger, metrics, traced
from tasks.models.registry import Registry
from tasks.records.cleaning import clean, clean_texts
from tasks.records.signature import Signature
from tasks.settings import Settings


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Check and clean records, by the code that the API and the jobs apply.

    Input: `{"records": [{…}, …], "modelVersion": …, "text": bool}`; without `modelVersion` the active version's
    signature counts, and with `text` (default: false) all values are text, as those of a CSV file are.
    Output: `{"records": [the good ones, cleaned, in their order], "flaws": [{"record", "field", "message", "kind"}]}`;
    `record` is the 0-based position of a bad record, of which every flaw is listed.
    Errors: `NoSuchVersion`, `InvalidRegistration`, `ArtifactMissing` and `ArtifactTampered` (of the signature),
    `ServiceUnavailable`.
    """
    root = Settings.from_environment().parameter_root
    version = event.get("modelVersion") or Registry(root).active_version().version_id
    records = event["records"]
    cleaned = (clean_texts if event.get("text") else clean)(records, _signature(version, root))
    flaws = [
        {"record": row.row - 1, "field": flaw.field, "message": flaw.complaint, "kind": flaw.kind}
        for row in cleaned.bad
        for flaw in row.flaws
    ]
    metrics.add_metric("PreprocessedRecords", MetricUnit.Count, len(records))
    metrics.add_metric("FlawedRecords", MetricUnit.Count, len(cleaned.bad))
    logger.info("preprocessed", extra={"records": len(records), "bad": len(cleaned.bad), "model_version": version})
    return {"records": cleaned.records, "flaws": flaws}


@lru_cache(maxsize=8)
def _signature(version_id: str, parameter_root: str) -> Signature:
    """The signature, kept between invocations: registered versions never change."""
    return Registry(parameter_root).signature(version_id)

"""Lambda `score-shard`: scores one small shard."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import logger, metrics, traced
from tasks.models.registry import Registry
from tasks.models.scorers import numpy_scorer
from tasks.reading.shards import Shard
from tasks.runs.layout import RunFolder
from tasks.runs.request import RunRequest
from tasks.scoring.item_store import TableWriter
from tasks.scoring.shard import Model, load_model, score_shard
from tasks.settings import Settings
from tasks.storage import Storage


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Score a shard.

    Input: `{"run": RunRequest, "shard": a line of the manifest}`. Output: the shard's id and counts.
    Errors: those of `tasks.scoring.shard`.
    """
    run, shard = RunRequest.from_json(event["run"]), Shard.from_json(event["shard"])
    settings = Settings.from_environment()
    marker = score_shard(
        run,
        shard,
        model=lambda: _model(run.model_version, settings.parameter_root),
        folder=RunFolder.of(run, settings.required("results_bucket")),
        storage=Storage(),
        items=TableWriter(settings.required("predictions_table")),
        retention_days=settings.retention_days,
        worker=f"lambda/{context.function_name}/{context.aws_request_id}",
    )
    metrics.add_metric("Predictions", MetricUnit.Count, marker["predictions"])
    metrics.add_metric("QuarantinedRows", MetricUnit.Count, marker["quarantined"])
    counts = {key: marker[key] for key in ("rows", "predictions", "quarantined", "seconds")}
    logger.info("scored", extra={"run_id": run.run_id, "shard": shard.name, **counts})
    return {"shardId": shard.shard_id, **counts}


@lru_cache(maxsize=2)
def _model(version_id: str, parameter_root: str) -> Model:
    """The model, kept between invocations: registered versions never change."""
    return load_model(version_id, Registry(parameter_root), Storage(), numpy_scorer)

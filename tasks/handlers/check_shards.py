"""Lambda `check-shards`: judges a run by its markers."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import logger, metrics, traced
from tasks.runs.layout import RunFolder
from tasks.runs.request import RunRequest
from tasks.runs.verdict import judge
from tasks.settings import Settings
from tasks.storage import Storage


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Judge a run.

    Input: `{"run": RunRequest, "plan": …, "lanes": [{"lane", "error"?}, …]}`.
    Output: `{"verdict": "complete" | "tolerated" | "failed", "failed", "failedShards", "cause"}`.
    Errors: `PlanMissing`, `ServiceUnavailable`.
    """
    run = RunRequest.from_json(event["run"])
    folder = RunFolder.of(run, Settings.from_environment().required("results_bucket"))
    verdict = judge(run, folder, Storage(), event["lanes"])
    metrics.add_metric("ShardsFailed", MetricUnit.Count, len(verdict.failed))
    logger.info("checked", extra={"run_id": run.run_id, **verdict.to_state()})
    return verdict.to_state()

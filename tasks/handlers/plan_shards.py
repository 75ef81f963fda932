"""Lambda `plan-shards`: from a request to the manifests of its outstanding shards."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import logger, metrics, traced
from tasks.runs.layout import RunFolder
from tasks.runs.planning import plan_shards
from tasks.runs.request import RunRequest
from tasks.runs.served_versions import ServedVersions
from tasks.settings import Settings
from tasks.storage import Storage


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Plan the shards of a run.

    Input: `{"run": RunRequest}`. Output: `{"plan": {"bucket", "period", "rows", "shards", "small", "large"}}`.
    Errors: `NoInputFound`, `UnsupportedObject`, `RunIdConflict`, `InputChanged`, `VersionNotServed`,
    `ServiceUnavailable`.
    """
    request = RunRequest.from_json(event["run"])
    settings = Settings.from_environment()
    folder = RunFolder.of(request, settings.required("results_bucket"))
    plan = plan_shards(request, folder, Storage(), ServedVersions(settings.endpoint))
    metrics.add_metric("ShardsPlanned", MetricUnit.Count, len(plan.outstanding))
    logger.info("planned", extra={"run_id": request.run_id, "plan": plan.to_state()})
    return {"plan": plan.to_state()}

"""Lambda `summarise-run`: adds up a run."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import count_run_without_input, logger, metrics, traced
from tasks.runs.layout import RunFolder
from tasks.runs.request import RunRequest
from tasks.runs.summary import summarise
from tasks.settings import Settings
from tasks.storage import Storage


@metrics.log_metrics
@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Summarise a run.

    Input: `{"run": RunRequest, "plan": …, "check": …}`. Output: `{"summary": …}`.
    Errors: `PlanMissing`, `ServiceUnavailable`.
    """
    run = RunRequest.from_json(event["run"])
    folder = RunFolder.of(run, Settings.from_environment().required("results_bucket"))
    summary = summarise(run, folder, Storage(), event["check"])
    if run.schedule and run.scheduled_time and not summary["shards"]["planned"]:
        count_run_without_input(run.schedule)
    metrics.add_metric("RunSeconds", MetricUnit.Seconds, summary["seconds"])
    logger.info("summarised", extra={"run_id": run.run_id, "period": run.period, "rows": summary["rows"]})
    return {"summary": summary}

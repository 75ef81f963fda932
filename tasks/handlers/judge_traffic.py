"""Lambda `judge-traffic`: how the variants do since their weights were set, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.aws import client
from tasks.deployment.judging import judge
from tasks.deployment.outcomes import NOTHING_JUDGED, Served, judge_predictions
from tasks.deployment.sequential import Sample
from tasks.deployment.serving import VARIANTS
from tasks.deployment.traffic import EndpointMetrics
from tasks.handlers.telemetry import logger, traced
from tasks.runs.request import parse_time
from tasks.settings import Settings
from tasks.storage import Storage


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Judge a step of a shift.

    Input: `{"plan": …, "since": ISO 8601}`, when the weights of the step were set; of an automatic shift at every look
    the same. Output: `{"verdict": "go-on"|"roll-back"|"promote", "reason", "variants"}`, the numbers of each variant.
    Errors: `InvalidOutcomes`, `ServiceUnavailable`.
    """
    plan, since, now = event["plan"], parse_time(event["since"]), datetime.now(UTC)
    traffic = EndpointMetrics(plan["endpoint"]).traffic(VARIANTS, since, now)
    found = judge(plan, traffic, quality=lambda: _quality(plan, since), since=since, now=now)
    variants = {name: {"version": plan["serves"][name], **each.to_json()} for name, each in traffic.items()}
    logger.info("judged", extra={"verdict": found.verdict, "reason": found.reason, "variants": variants})
    return {"verdict": found.verdict, "reason": found.reason, "variants": variants}


def _quality(plan: Mapping[str, Any], since: datetime) -> tuple[Sample, Sample]:
    settings = Settings.from_environment()
    judged = judge_predictions(
        Storage(),
        client("dynamodb"),
        settings.required("data_bucket"),
        settings.required("predictions_table"),
        since,
    )
    champion, challenger = (
        judged.get(Served(name, plan["serves"][name]), NOTHING_JUDGED).squared_errors
        for name in (plan["champion"], plan["challenger"])
    )
    return champion, challenger

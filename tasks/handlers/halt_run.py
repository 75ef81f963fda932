"""Lambda `halt-run`: fails a run under the name of its error, or lets a redriven one begin again."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import logger, traced
from tasks.runs.halting import halt


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Halt a run.

    Input: `{"failure": {"Error", "Cause"}, "failedAtRedrive", "redriveCount"}`. Output, after a redrive: `{}`.
    Errors: the one that `failure` names.
    """
    halt(event["failure"], failed_at_redrive=event["failedAtRedrive"], redrive_count=event["redriveCount"])
    logger.info("begins again after a redrive", extra={"redrive_count": event["redriveCount"]})
    return {}

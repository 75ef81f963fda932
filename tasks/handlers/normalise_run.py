"""Lambda `normalise-run`: from the input of an execution to a complete request."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.handlers.telemetry import logger, traced
from tasks.models.registry import Registry
from tasks.runs.normalising import normalise
from tasks.settings import Settings
from tasks.storage import Storage


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Complete a request.

    Input: `{"input": …, "execution": {"id", "name", "startTime"}}`. Output: `{"run": RunRequest}`.
    Errors: `InvalidRunRequest`, `NoSuchVersion`, `InvalidRegistration`, `RunIdConflict`, `ServiceUnavailable`.
    """
    settings = Settings.from_environment()
    request = normalise(
        event["input"],
        execution_name=event["execution"]["name"],
        started_at=event["execution"]["startTime"],
        settings=settings,
        storage=Storage(),
        registry=Registry(settings.parameter_root),
    )
    logger.info("normalised", extra={"run": request.to_json()})
    return {"run": request.to_json()}

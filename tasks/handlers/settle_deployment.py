"""Lambda `settle-deployment`: tidies up and gives the lock back."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.deployment.executions import Executions
from tasks.deployment.lock import DeploymentLock
from tasks.deployment.requests import Naming
from tasks.deployment.serving import ControlPlane
from tasks.deployment.settling import settle
from tasks.handlers.telemetry import logger, traced
from tasks.settings import Settings


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Settle what a plan did.

    Input: `{"plan": …, "outcome": …}`. Output: `{"summary": …}`, see `tasks.deployment.settling`.
    Errors: `EndpointUnavailable`, `ServiceUnavailable`.
    """
    settings, plan = Settings.from_environment(), event["plan"]
    summary = settle(
        plan,
        event["outcome"],
        ControlPlane(plan["endpoint"]),
        DeploymentLock(settings.parameter_root, Executions()),
        Naming.of(settings),
    )
    logger.info("settled", extra={"summary": summary})
    return {"summary": summary}

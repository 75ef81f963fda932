"""Lambda `plan-deployment`: from the input of an execution to everything that it will do."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.deployment.input import parse_kind
from tasks.deployment.plan import Execution
from tasks.deployment.planning import Planner
from tasks.handlers.telemetry import logger, traced
from tasks.settings import Settings


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Plan a deployment, a rollback or a shift, and take the lock.

    Input: `{"kind": "deploy"|"rollback"|"shift", "input": …, "execution": {"id", "startTime"}}`. Output:
    `{"plan": …}`, see `tasks.deployment.plan`. Errors: those of `tasks.deployment.planning`; `EndpointBusy` is to be
    tried again for as long as an update of an endpoint may take.
    """
    execution = Execution(event["execution"]["id"], event["execution"]["startTime"])
    plan = Planner.of(Settings.from_environment()).plan(parse_kind(event["kind"]), event["input"], execution)
    logger.info("planned", extra={"plan": plan})
    return {"plan": plan}

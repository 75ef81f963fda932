"""Lambda `smoke-test`: asks a variant for the golden records of the version that it should serve."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.deployment.smoke import smoke_test
from tasks.handlers.telemetry import logger, traced
from tasks.models.endpoint import ModelEndpoint
from tasks.models.registry import Registry, fetch_artifact
from tasks.settings import Settings
from tasks.storage import Storage


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Test the plan's variant.

    Input: `{"plan": …}`. Output: `{"records", "milliseconds"}`. Errors: `SmokeTestFailed`, `EndpointUnavailable`,
    `InvalidRegistration`, `ArtifactMissing`, `ArtifactTampered`, `ServiceUnavailable`.
    """
    plan = event["plan"]
    version = Registry(Settings.from_environment().parameter_root).get(plan["version"])
    artifact = fetch_artifact(version, Storage())
    result = smoke_test(version.version_id, artifact, plan["variant"], ModelEndpoint(plan["endpoint"]))
    logger.info("tested", extra={"version": version.version_id, "variant": plan["variant"], **result})
    return result

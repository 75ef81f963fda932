"""Lambda `ship-model`: the custom resource that registers the model which is shipped with a deployment."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tasks.deployment.custom_resource import ResourceRequest, ResourceState, fulfil
from tasks.deployment.shipping import Shipment, ship
from tasks.handlers.telemetry import logger, traced
from tasks.models.registry import Registry
from tasks.settings import Settings
from tasks.storage import Storage

#: Kept for the answer, which is tried several times.
_SECONDS_FOR_THE_ANSWER = 30


@traced
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Register a shipped version.

    Input: CloudFormation's request with the properties `Version`, `Bucket`, `Key` (the asset) and `Image`.
    Output: `{}`; CloudFormation gets its answer at the request's URL, with the attributes `Version`, `Artifact`,
    `Image` and `Threshold`. They are those registered for the version that the resource was created with, so that no
    deployment changes what is served. Errors: `ServiceUnavailable`, if the answer cannot be delivered.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 - _SECONDS_FOR_THE_ANSWER
    failure = fulfil(event, _fulfilled, seconds=seconds, where=f"the logs of {context.function_name}")
    details = {"request_type": event["RequestType"], "properties": event.get("ResourceProperties")}
    if failure is None:
        logger.info("shipped", extra=details)
    else:
        logger.error("not shipped", exc_info=failure, extra=details)
    return {}


def _fulfilled(request: ResourceRequest) -> ResourceState:
    if request.kind == "Delete":
        # The registry is data: it outlives its stack.
        return ResourceState(str(request.physical_id), {})
    settings = Settings.from_environment()
    registry = Registry(settings.parameter_root)
    shipment = Shipment.from_properties(request.properties)
    first_time = request.kind == "Create"
    ship(shipment, registry, Storage(), settings.required("models_bucket"), first_time=first_time)
    first = registry.complete(request.physical_id or shipment.version_id, shipment.image)
    attributes = {
        "Version": first.version_id,
        "Artifact": first.artifact,
        "Image": str(first.image),
        "Threshold": str(first.threshold),
    }
    return ResourceState(first.version_id, attributes)

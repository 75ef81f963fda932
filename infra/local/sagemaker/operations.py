"""The operations of SageMaker's control plane: members of the request to members of the answer.

Each may block; what changes something holds the region's lock.
"""

from collections.abc import Callable
from typing import Any

from infra.local.sagemaker.errors import NotEmulatedError
from infra.local.sagemaker.listing import page
from infra.local.sagemaker.models import refuse
from infra.local.sagemaker.region import Region

Record = dict[str, Any]

_RETAINABLE = frozenset({"DesiredInstanceCount", "DesiredWeight"})


def _create_model(region: Region, members: Record) -> Record:
    with region.lock:
        model = region.models.plan(members)
    region.artifacts.check(model, region.place)  # calls S3 and ECR, so not under the lock
    with region.lock:
        region.models.plan(members)  # nobody took the name meanwhile
        region.models.records[members["ModelName"]] = model
        _tag(region, model["ModelArn"], members.get("Tags", []))
    return {"ModelArn": model["ModelArn"]}


def _delete_model(region: Region, members: Record) -> Record:
    with region.lock:
        region.tags.pop(region.models.delete(members["ModelName"]), None)
    return {}


def _create_endpoint_config(region: Region, members: Record) -> Record:
    with region.lock:
        answer = region.configs.create(members)
        _tag(region, answer["EndpointConfigArn"], members.get("Tags", []))
    return answer


def _delete_endpoint_config(region: Region, members: Record) -> Record:
    with region.lock:
        region.tags.pop(region.configs.delete(members["EndpointConfigName"]), None)
    return {}


def _create_endpoint(region: Region, members: Record) -> Record:
    _check_deployment(members)
    with region.lock:
        answer = region.endpoints.create(members["EndpointName"], members["EndpointConfigName"])
        _tag(region, answer["EndpointArn"], members.get("Tags", []))
    return answer


def _update_endpoint(region: Region, members: Record) -> Record:
    _check_deployment(members)
    refuse("", members, "RetainDeploymentConfig")
    excluded = {entry["VariantPropertyType"] for entry in members.get("ExcludeRetainedVariantProperties", [])}
    retained = _RETAINABLE - excluded if members.get("RetainAllVariantProperties") else frozenset()
    with region.lock:
        return region.endpoints.update(members["EndpointName"], members["EndpointConfigName"], retained)


def _delete_endpoint(region: Region, members: Record) -> Record:
    with region.lock:
        region.tags.pop(region.endpoints.delete(members["EndpointName"]), None)
    return {}


def _check_deployment(members: Record) -> None:
    """Refuse deployments other than a switch of all traffic at once, without waiting."""
    config = members.get("DeploymentConfig", {})
    refuse("DeploymentConfig.", config, "AutoRollbackConfiguration", "RollingUpdatePolicy")
    policy = config.get("BlueGreenUpdatePolicy", {})
    refuse(
        "DeploymentConfig.BlueGreenUpdatePolicy.",
        policy,
        "MaximumExecutionTimeoutInSeconds",
        "TerminationWaitInSeconds",
    )
    routing = policy.get("TrafficRoutingConfiguration", {})
    refuse("TrafficRoutingConfiguration.", routing, "CanarySize", "LinearStepSize", "WaitIntervalInSeconds")
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise NotEmulatedError(f"TrafficRoutingConfiguration.Type {routing['Type']}")


def _add_tags(region: Region, members: Record) -> Record:
    with region.lock:
        _tag(region, members["ResourceArn"], members["Tags"])
        return {"Tags": _shown(region.tags_of(members["ResourceArn"]))}


def _delete_tags(region: Region, members: Record) -> Record:
    with region.lock:
        tags = region.tags_of(members["ResourceArn"])
        for key in members["TagKeys"]:
            tags.pop(key, None)
    return {}


def _list_tags(region: Region, members: Record) -> Record:
    with region.lock:
        return {"Tags": _shown(region.tags_of(members["ResourceArn"]))}


def _tag(region: Region, arn: str, tags: list[dict[str, str]]) -> None:
    region.tags_of(arn).update({tag["Key"]: tag["Value"] for tag in tags})


def _shown(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


OPERATIONS: dict[str, Callable[[Region, Record], Record]] = {
    "AddTags": _add_tags,
    "CreateEndpoint": _create_endpoint,
    "CreateEndpointConfig": _create_endpoint_config,
    "CreateModel": _create_model,
    "DeleteEndpoint": _delete_endpoint,
    "DeleteEndpointConfig": _delete_endpoint_config,
    "DeleteModel": _delete_model,
    "DeleteTags": _delete_tags,
    "DescribeEndpoint": lambda region, members: region.endpoints.describe(members["EndpointName"]),
    "DescribeEndpointConfig": lambda region, members: region.configs.get(members["EndpointConfigName"]),
    "DescribeModel": lambda region, members: region.models.get(members["ModelName"]),
    "ListEndpointConfigs": lambda region, members: page(
        "EndpointConfigs", "EndpointConfigName", region.configs.summaries(), members
    ),
    "ListEndpoints": lambda region, members: page("Endpoints", "EndpointName", region.endpoints.summaries(), members),
    "ListModels": lambda region, members: page("Models", "ModelName", region.models.summaries(), members),
    "ListTags": _list_tags,
    "UpdateEndpoint": _update_endpoint,
    "UpdateEndpointWeightsAndCapacities": lambda region, members: region.endpoints.rebalance(
        members["EndpointName"], members["DesiredWeightsAndCapacities"]
    ),
}

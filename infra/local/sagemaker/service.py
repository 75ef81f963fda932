"""SageMaker's API: from requests to what they do and back."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.artifacts import Artifacts
from infra.local.sagemaker.configs import Configs
from infra.local.sagemaker.endpoints import Endpoints
from infra.local.sagemaker.errors import ApiError, NotEmulatedError, ValidationError
from infra.local.sagemaker.fleet import Limits
from infra.local.sagemaker.invocation import Invoker
from infra.local.sagemaker.listing import page
from infra.local.sagemaker.logs import EndpointLogs
from infra.local.sagemaker.metrics import Metrics
from infra.local.sagemaker.models import Models, refuse
from infra.local.service_model import InvalidRequestError, check
from infra.local.wire import Request, Response, error_response, json_response

Record = dict[str, Any]

_SERVICE = "sagemaker"
_RETAINABLE = frozenset({"DesiredInstanceCount", "DesiredWeight"})


class Region:
    """SageMaker in one account and region."""

    def __init__(self, place: Place, artifacts: Artifacts, logs: EndpointLogs, limits: Limits) -> None:
        self.place = place
        self.artifacts = artifacts
        self.lock = threading.RLock()
        self.models = Models(place)
        self.configs = Configs(place, self.models)
        self.endpoints = Endpoints(place, self.models, self.configs, artifacts, logs, limits)
        self.tags: dict[str, dict[str, str]] = {}

    def saved(self) -> Record:
        """Return what survives a restart, as JSON."""
        with self.lock:
            return {
                "account": self.place.account,
                "region": self.place.region,
                "models": self.models.records,
                "configs": self.configs.records,
                "endpoints": self.endpoints.saved(),
                "tags": self.tags,
            }

    def load(self, saved: Record) -> None:
        """Take over what `saved` returned."""
        self.models.records = saved["models"]
        self.configs.records = saved["configs"]
        self.endpoints.load(saved["endpoints"])
        self.tags = saved["tags"]

    def tags_of(self, arn: str) -> dict[str, str]:
        """Return the live tags of what an ARN names.

        Raises
        ------
        ValidationError
            If there is no such thing.
        """
        arns = {record["ModelArn"] for record in self.models.records.values()}
        arns |= {record["EndpointConfigArn"] for record in self.configs.records.values()}
        arns |= {endpoint.arn for endpoint in self.endpoints.by_name.values()}
        if arn not in arns:
            raise ValidationError(f"Could not find resource {arn}.")
        return self.tags.setdefault(arn, {})


class SageMakerService:
    """All of SageMaker that is emulated: every account and region on its own.

    Parameters
    ----------
    artifacts
        Fetches what models name.
    logs
        Take what instances write.
    metrics
        Receives what invocations measure.
    limits
        Times that are AWS's by default.
    """

    def __init__(
        self, artifacts: Artifacts, logs: EndpointLogs, metrics: Metrics, limits: Limits | None = None
    ) -> None:
        self._artifacts = artifacts
        self._logs = logs
        self._metrics = metrics
        self._limits = limits or Limits()
        self._invoker = Invoker(metrics)
        self._lock = threading.Lock()
        self._regions: dict[Place, Region] = {}
        self._operations: dict[str, Callable[[Region, Record], Record]] = {
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
            "ListEndpoints": lambda region, members: page(
                "Endpoints", "EndpointName", region.endpoints.summaries(), members
            ),
            "ListModels": lambda region, members: page("Models", "ModelName", region.models.summaries(), members),
            "ListTags": _list_tags,
            "UpdateEndpoint": _update_endpoint,
            "UpdateEndpointWeightsAndCapacities": lambda region, members: region.endpoints.rebalance(
                members["EndpointName"], members["DesiredWeightsAndCapacities"]
            ),
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request of the control plane, or of the runtime, which names no target."""
        place = Place(request.account, request.region)
        try:
            if not request.action:
                return await self._invoker.invoke(request, self.region(place).endpoints, place)
            answer = await asyncio.to_thread(self.call, request.action, _members(request), place)
        except ApiError as error:
            return _error(error)
        return json_response(answer, content_type="application/x-amz-json-1.1")

    def call(self, operation: str, members: Record, place: Place) -> Record:
        """Do what an operation of the control plane does. Must not be called on the event loop.

        Raises
        ------
        ApiError
            With the code and words of SageMaker.
        """
        if operation not in self._operations:
            raise NotEmulatedError(operation)
        try:
            check(_SERVICE, operation, members)
        except InvalidRequestError as error:
            raise ValidationError(str(error)) from error
        answer = self._operations[operation](self.region(place), members)
        copy: Record = json.loads(json.dumps(answer))
        return copy

    def region(self, place: Place) -> Region:
        """Return SageMaker in one account and region."""
        with self._lock:
            if place not in self._regions:
                self._regions[place] = Region(place, self._artifacts, self._logs, self._limits)
            return self._regions[place]

    def stop(self) -> None:
        """Kill every instance; the embedded AWS ends."""
        for region in list(self._regions.values()):
            region.endpoints.stop()
        self._metrics.stop()

    def save(self) -> Any:
        """Return what survives a restart, as JSON."""
        return [region.saved() for region in list(self._regions.values())]

    def load(self, saved: Any) -> None:
        """Take over what `save` returned in a former life."""
        for record in saved:
            self.region(Place(record["account"], record["region"])).load(record)

    def reset(self) -> None:
        """Forget everything and kill what runs."""
        with self._lock:
            regions, self._regions = list(self._regions.values()), {}
        for region in regions:
            region.endpoints.stop()


def _members(request: Request) -> Record:
    try:
        return request.json()
    except ValueError as error:
        raise ApiError("SerializationException", str(error)) from error


def _error(error: ApiError) -> Response:
    if not error.members:
        return error_response(error.code, str(error), error.status)
    answer = json_response({"Message": str(error), **error.members}, error.status, content_type="application/json")
    answer.headers["x-amzn-errortype"] = error.code
    return answer


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

"""SageMaker's resource types for CloudFormation.

Facts: AWS CloudFormation template reference, "AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig",
"AWS::SageMaker::Endpoint": what ``Ref`` and ``Fn::GetAtt`` return, which changes replace the resource.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.sagemaker.addresses import CONFIG, MODEL, Place
from infra.local.sagemaker.endpoint import IN_SERVICE, Endpoint
from infra.local.sagemaker.errors import DeploymentFailedError
from infra.local.sagemaker.service import SageMakerService
from infra.local.service_model import from_template

_LONGEST_NAME = 63
_NAMES = {"Model": "ModelName", "EndpointConfig": "EndpointConfigName", "Endpoint": "EndpointName"}

_MODEL = frozenset({"EnableNetworkIsolation", "ExecutionRoleArn", "ModelName", "PrimaryContainer", "Tags", "VpcConfig"})
_CONFIG = frozenset({"DataCaptureConfig", "EndpointConfigName", "KmsKeyId", "ProductionVariants", "Tags"})
_ENDPOINT = frozenset(
    {
        "DeploymentConfig",
        "EndpointConfigName",
        "EndpointName",
        "ExcludeRetainedVariantProperties",
        "RetainAllVariantProperties",
        "Tags",
    }
)


class SageMakerResources:
    """Makes the resources of templates through the same API as everybody else.

    Parameters
    ----------
    service
        SageMaker.
    """

    def __init__(self, service: SageMakerService) -> None:
        self._service = service

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::SageMaker::Model": ResourceType(self._create, self._replace_or_retag, self._delete, _MODEL),
            "AWS::SageMaker::EndpointConfig": ResourceType(self._create, self._replace_or_retag, self._delete, _CONFIG),
            "AWS::SageMaker::Endpoint": ResourceType(
                self._create_endpoint, self._update_endpoint, self._delete_endpoint, _ENDPOINT
            ),
        }

    def _create(self, request: ResourceRequest) -> Resource:
        kind, name_property = _kind(request)
        name = request.name(name_property, _LONGEST_NAME)
        if request.physical_id and name_property not in request.properties:
            # The emulator makes one name for all of a resource's life, and the successor must not have the former's.
            name = f"{name.rpartition('-')[0]}-{secrets.token_hex(6)}"
        answer = self._call(request, f"Create{kind}", {**request.properties, name_property: name})
        return Resource(answer[f"{kind}Arn"], {name_property: name})

    def _replace_or_retag(self, request: ResourceRequest) -> Resource:
        # Nothing but the tags of a model or an endpoint configuration can change.
        if request.changed(*(request.properties.keys() | request.previous.keys()) - {"Tags"}):
            return self._create(request)
        self._retag(request)
        return Resource(request.physical_id, {_kind(request)[1]: self._name(request)})

    def _delete(self, request: ResourceRequest) -> None:
        kind, name_property = _kind(request)
        if name := self._found(request):
            self._call(request, f"Delete{kind}", {name_property: name})

    def _create_endpoint(self, request: ResourceRequest) -> Resource:
        wanted = ("EndpointName", "EndpointConfigName", "Tags")
        properties = {name: request.properties[name] for name in wanted if name in request.properties}
        name = request.name("EndpointName", _LONGEST_NAME)
        answer = self._call(request, "CreateEndpoint", {**properties, "EndpointName": name})
        made = Resource(answer["EndpointArn"], {"EndpointName": name})
        try:
            self._await_service(request, name)
        except DeploymentFailedError:
            # CloudFormation does not know the endpoint yet, so that nobody else would delete it.
            self._call(request, "DeleteEndpoint", {"EndpointName": name})
            raise
        return made

    def _update_endpoint(self, request: ResourceRequest) -> Resource:
        if request.changed("EndpointName"):
            return self._create_endpoint(request)
        name = self._name(request)
        if not request.changed(*request.properties.keys() | request.previous.keys()):
            # Nothing is asked of the endpoint, whatever it serves meanwhile.
            return Resource(request.physical_id, {"EndpointName": name})
        wanted = request.properties["EndpointConfigName"]
        if self._describe(request, name)["EndpointConfigName"] != wanted:
            properties = {key: value for key, value in request.properties.items() if key != "Tags"}
            self._call(request, "UpdateEndpoint", {**properties, "EndpointName": name})
            described = self._await_service(request, name)
            if described["EndpointConfigName"] != wanted:
                raise DeploymentFailedError(described.get("FailureReason", f"{name} was rolled back"))
        self._retag(request)
        return Resource(request.physical_id, {"EndpointName": name})

    def _delete_endpoint(self, request: ResourceRequest) -> None:
        if name := self._found(request):
            endpoint = self._endpoint(request, name)
            endpoint.settled.wait()
            self._call(request, "DeleteEndpoint", {"EndpointName": name})
            endpoint.settled.wait()

    def _await_service(self, request: ResourceRequest, name: str) -> dict[str, Any]:
        self._endpoint(request, name).settled.wait()
        described = self._describe(request, name)
        if described["EndpointStatus"] != IN_SERVICE:
            raise DeploymentFailedError(described.get("FailureReason", f"{name} is {described['EndpointStatus']}"))
        return described

    def _describe(self, request: ResourceRequest, name: str) -> dict[str, Any]:
        return self._call(request, "DescribeEndpoint", {"EndpointName": name})

    def _endpoint(self, request: ResourceRequest, name: str) -> Endpoint:
        return self._service.region(Place(request.account, request.region)).endpoints.by_name[name]

    def _retag(self, request: ResourceRequest) -> None:
        if not request.changed("Tags"):
            return
        tags, former = request.properties.get("Tags", []), request.previous.get("Tags", [])
        gone = sorted({tag["Key"] for tag in former} - {tag["Key"] for tag in tags})
        if gone:
            self._call(request, "DeleteTags", {"ResourceArn": request.physical_id, "TagKeys": gone})
        self._call(request, "AddTags", {"ResourceArn": request.physical_id, "Tags": tags})

    def _name(self, request: ResourceRequest) -> str:
        """Return the name of a resource that must be there."""
        name = self._found(request)
        if name is None:
            raise DeploymentFailedError(f"{request.physical_id} was deleted outside of CloudFormation.")
        return name

    def _found(self, request: ResourceRequest) -> str | None:
        """Return the name of the resource that is there, None if it is gone; its ARN has the name in lower case."""
        place = Place(request.account, request.region)
        region = self._service.region(place)
        kind = request.physical_id.rpartition("/")[0].rpartition(":")[2]
        records: dict[str, Mapping[str, Any]] = {MODEL: region.models.records, CONFIG: region.configs.records}
        names = records.get(kind, region.endpoints.by_name)
        return next((name for name in list(names) if place.arn(kind, name) == request.physical_id), None)

    def _call(self, request: ResourceRequest, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        members = from_template("sagemaker", operation, dict(properties))
        return self._service.call(operation, members, Place(request.account, request.region))


def _kind(request: ResourceRequest) -> tuple[str, str]:
    """Return e.g. ``Model`` and ``ModelName``."""
    kind = request.type.rpartition(":")[2]
    return kind, _NAMES[kind]

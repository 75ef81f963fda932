"""AWS Batch's resource types for CloudFormation.

Facts: AWS CloudFormation template reference, "AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue",
"AWS::Batch::JobDefinition": what ``Ref`` and ``Fn::GetAtt`` return, which changes replace the resource.
"""

from collections.abc import Mapping
from typing import Any

from infra.local.batch.addresses import Place
from infra.local.batch.service import BatchService
from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.service_model import from_template

_ENVIRONMENT_NAME = "ComputeEnvironmentName"
_QUEUE_NAME = "JobQueueName"
_DEFINITION_NAME = "JobDefinitionName"


class BatchResources:
    """Makes the resources of templates through the same API as everybody else.

    Parameters
    ----------
    service
        AWS Batch.
    """

    def __init__(self, service: BatchService) -> None:
        self._service = service

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::Batch::ComputeEnvironment": ResourceType(
                self._create_environment,
                self._update_environment,
                self._delete_environment,
                # Replacing is what every change of a name does here, so ReplaceComputeEnvironment has no more to say.
                frozenset({_ENVIRONMENT_NAME, "ComputeResources", "ReplaceComputeEnvironment", "ServiceRole", "State"})
                | {"Tags", "Type", "UpdatePolicy"},
            ),
            "AWS::Batch::JobQueue": ResourceType(
                self._create_queue,
                self._update_queue,
                self._delete_queue,
                frozenset({"ComputeEnvironmentOrder", _QUEUE_NAME, "JobQueueType", "Priority", "State", "Tags"}),
            ),
            "AWS::Batch::JobDefinition": ResourceType(
                self._create_definition,
                self._create_definition,
                self._delete_definition,
                frozenset({"ContainerProperties", _DEFINITION_NAME, "Parameters", "PlatformCapabilities"})
                | {"PropagateTags", "RetryStrategy", "SchedulingPriority", "Tags", "Timeout", "Type"},
            ),
        }

    def _create_environment(self, request: ResourceRequest) -> Resource:
        properties = _without(request.properties, "ReplaceComputeEnvironment", "UpdatePolicy")
        name = request.name(_ENVIRONMENT_NAME)
        answer = self._call(request, "CreateComputeEnvironment", {**properties, _ENVIRONMENT_NAME: name})
        return _resource(answer["computeEnvironmentArn"], "ComputeEnvironmentArn")

    def _update_environment(self, request: ResourceRequest) -> Resource:
        if request.changed(_ENVIRONMENT_NAME, "Type"):
            return self._create_environment(request)
        properties = _without(request.properties, _ENVIRONMENT_NAME, "ReplaceComputeEnvironment", "Tags", "Type")
        self._call(request, "UpdateComputeEnvironment", {**properties, "ComputeEnvironment": request.physical_id})
        self._retag(request)
        return _resource(request.physical_id, "ComputeEnvironmentArn")

    def _delete_environment(self, request: ResourceRequest) -> None:
        if self._exists(request, "DescribeComputeEnvironments", "computeEnvironments"):
            reference = {"ComputeEnvironment": request.physical_id}
            self._call(request, "UpdateComputeEnvironment", {**reference, "State": "DISABLED"})
            self._call(request, "DeleteComputeEnvironment", reference)

    def _create_queue(self, request: ResourceRequest) -> Resource:
        answer = self._call(request, "CreateJobQueue", {**request.properties, _QUEUE_NAME: request.name(_QUEUE_NAME)})
        return _resource(answer["jobQueueArn"], "JobQueueArn")

    def _update_queue(self, request: ResourceRequest) -> Resource:
        if request.changed(_QUEUE_NAME):
            return self._create_queue(request)
        properties = _without(request.properties, _QUEUE_NAME, "JobQueueType", "Tags")
        self._call(request, "UpdateJobQueue", {**properties, "JobQueue": request.physical_id})
        self._retag(request)
        return _resource(request.physical_id, "JobQueueArn")

    def _delete_queue(self, request: ResourceRequest) -> None:
        if self._exists(request, "DescribeJobQueues", "jobQueues"):
            self._call(request, "UpdateJobQueue", {"JobQueue": request.physical_id, "State": "DISABLED"})
            self._call(request, "DeleteJobQueue", {"JobQueue": request.physical_id})

    def _create_definition(self, request: ResourceRequest) -> Resource:
        # Every change is a new revision with an ARN of its own; CloudFormation deregisters the one before.
        name = self._definition_name(request)
        answer = self._call(request, "RegisterJobDefinition", {**request.properties, _DEFINITION_NAME: name})
        return _resource(answer["jobDefinitionArn"], "JobDefinitionArn")

    def _delete_definition(self, request: ResourceRequest) -> None:
        self._call(request, "DeregisterJobDefinition", {"JobDefinition": request.physical_id})

    def _definition_name(self, request: ResourceRequest) -> str:
        if request.physical_id and not request.properties.get(_DEFINITION_NAME):
            return request.physical_id.rpartition("/")[2].partition(":")[0]
        return request.name(_DEFINITION_NAME)

    def _retag(self, request: ResourceRequest) -> None:
        if request.changed("Tags"):
            place, arn = Place(request.account, request.region), request.physical_id
            gone = [*set(request.previous.get("Tags", {})) - set(request.properties.get("Tags", {}))]
            self._service.call("UntagResource", {"resourceArn": arn, "tagKeys": gone}, place) if gone else None
            self._service.call("TagResource", {"resourceArn": arn, "tags": request.properties.get("Tags", {})}, place)

    def _exists(self, request: ResourceRequest, operation: str, member: str) -> bool:
        place = Place(request.account, request.region)
        return bool(self._service.call(operation, {member: [request.physical_id]}, place)[member])

    def _call(self, request: ResourceRequest, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        members = from_template("batch", operation, dict(properties))
        return self._service.call(operation, members, Place(request.account, request.region))


def _resource(arn: str, attribute: str) -> Resource:
    return Resource(arn, {attribute: arn})


def _without(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}

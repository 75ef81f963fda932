"""Application Auto Scaling's resource types for CloudFormation.

Facts: AWS CloudFormation template reference, "AWS::ApplicationAutoScaling::ScalableTarget",
"AWS::ApplicationAutoScaling::ScalingPolicy": what ``Ref`` and ``Fn::GetAtt`` return, which changes
replace the resource.
"""

from collections.abc import Mapping
from typing import Any

from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.scaling.service import SERVICE, ScalingService
from infra.local.scaling.targets import Place, Record
from infra.local.service_model import from_template

_IDENTITY = ("ResourceId", "ScalableDimension", "ServiceNamespace")
_TARGET = frozenset({*_IDENTITY, "MaxCapacity", "MinCapacity", "RoleARN", "SuspendedState", "Tags"})
_POLICY = frozenset(
    {*_IDENTITY, "PolicyName", "PolicyType", "ScalingTargetId", "TargetTrackingScalingPolicyConfiguration"}
)


class ScalingResources:
    """Makes the resources of templates through the same API as everybody else.

    Parameters
    ----------
    service
        Application Auto Scaling.
    """

    def __init__(self, service: ScalingService) -> None:
        self._service = service

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
                self._put_target, self._put_target, self._delete_target, _TARGET
            ),
            "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
                self._put_policy, self._put_policy, self._delete_policy, _POLICY
            ),
        }

    def _put_target(self, request: ResourceRequest) -> Resource:
        # Another variant is another id, by which CloudFormation knows that the target was replaced.
        target_id = "|".join(str(request.properties[name]) for name in _IDENTITY)
        if _is_asked_for(request):
            tags = {tag["Key"]: tag["Value"] for tag in request.properties.get("Tags", [])}
            self._call(request, "RegisterScalableTarget", {**request.properties, "Tags": tags})
        return Resource(target_id, {"Id": target_id})

    def _delete_target(self, request: ResourceRequest) -> None:
        identity = _identity(request.physical_id)
        wanted = {"ServiceNamespace": identity["ServiceNamespace"], "ResourceIds": [identity["ResourceId"]]}
        if self._call(request, "DescribeScalableTargets", wanted)["ScalableTargets"]:
            self._call(request, "DeregisterScalableTarget", identity)

    def _put_policy(self, request: ResourceRequest) -> Resource:
        if not _is_asked_for(request):
            return Resource(request.physical_id, {"Arn": request.physical_id})
        properties = dict(request.properties)
        target_id = properties.pop("ScalingTargetId", None)
        policy = {**(_identity(target_id) if target_id else {}), **properties}
        arn = self._call(request, "PutScalingPolicy", policy)["PolicyARN"]
        return Resource(arn, {"Arn": arn})

    def _delete_policy(self, request: ResourceRequest) -> None:
        policies = self._call(request, "DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"})["ScalingPolicies"]
        for policy in policies:
            if policy["PolicyARN"] == request.physical_id:
                identity = {name: policy[name] for name in ("PolicyName", *_IDENTITY)}
                self._call(request, "DeleteScalingPolicy", identity)

    def _call(self, request: ResourceRequest, operation: str, properties: Mapping[str, Any]) -> Record:
        members = from_template(SERVICE, operation, dict(properties))
        return self._service.call(operation, members, Place(request.account, request.region))


def _is_asked_for(request: ResourceRequest) -> bool:
    """Whether a resource is to be created or changed: a stack's update asks for every resource of it."""
    return not request.physical_id or request.changed(*request.properties.keys() | request.previous.keys())


def _identity(target_id: str) -> dict[str, str]:
    """Return what names a target, from its id in CloudFormation."""
    return dict(zip(_IDENTITY, target_id.split("|"), strict=True))

"""Scalable targets and their policies in one account and region.

Facts: Application Auto Scaling API reference, "RegisterScalableTarget", "PutScalingPolicy",
"TargetTrackingScalingPolicyConfiguration", "DescribeScalableTargets"; Application Auto Scaling user guide,
"Service-linked roles for Application Auto Scaling".
"""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.local.scaling.errors import ApiError, NotEmulatedError, ValidationError

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"

Record = dict[str, Any]

_RESOURCE = re.compile(r"endpoint/[^/]+/variant/[^/]+")
_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
_ROLE_NAME = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
_NEVER_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


@dataclass(frozen=True)
class Place:
    """An account and a region of it."""

    account: str
    region: str


@dataclass
class Targets:
    """What is registered.

    Attributes
    ----------
    place
        Account and region.
    has_variant
        Tells whether an endpoint has a variant: endpoint's name, variant's name.
    targets, policies
        As the API shows them: targets by resource id, policies by resource id and name.
    tags
        By a target's ARN.
    """

    place: Place
    has_variant: Callable[[str, str], bool]
    targets: dict[str, Record] = field(default_factory=dict)
    policies: dict[tuple[str, str], Record] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def register(self, request: Record) -> Record:
        """Register a target, or change one.

        Raises
        ------
        ValidationError
            If it names no variant, or its limits are missing or contradict each other.
        """
        resource = self._variant(request)
        former = self.targets.get(resource, {})
        limits: Record = {
            name: record[name]
            for name in ("MinCapacity", "MaxCapacity")
            for record in (former, request)
            if name in record
        }
        if len(limits) < 2:
            raise ValidationError("MinCapacity and MaxCapacity are required when registering a new scalable target.")
        if not 0 <= limits["MinCapacity"] <= limits["MaxCapacity"]:
            raise ValidationError("Maximum capacity cannot be less than minimum capacity, nor either less than 0.")
        arn = former.get("ScalableTargetARN") or self._arn(f"scalable-target/{uuid.uuid4().hex}")
        suspended = {**_NEVER_SUSPENDED, **former.get("SuspendedState", {}), **request.get("SuspendedState", {})}
        self.targets[resource] = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": resource,
            "ScalableDimension": DIMENSION,
            **limits,
            "RoleARN": request.get("RoleARN") or former.get("RoleARN") or self._service_linked_role(),
            "CreationTime": former.get("CreationTime", time.time()),
            "SuspendedState": suspended,
            "ScalableTargetARN": arn,
        }
        self.tags.setdefault(arn, {}).update(request.get("Tags", {}))
        return {"ScalableTargetARN": arn}

    def deregister(self, request: Record) -> Record:
        """Forget a target and its policies.

        Raises
        ------
        ApiError
            ``ObjectNotFoundException`` if there is none.
        """
        target = self._target(request)
        del self.targets[target["ResourceId"]]
        self.tags.pop(target["ScalableTargetARN"], None)
        self.policies = {key: policy for key, policy in self.policies.items() if key[0] != target["ResourceId"]}
        return {}

    def put_policy(self, request: Record) -> Record:
        """Keep a target tracking policy.

        Raises
        ------
        ApiError
            ``ObjectNotFoundException`` if its target is not registered.
        ValidationError
            If it is of a kind or tracks a metric that is not emulated.
        """
        target = self._target(request)
        _check_policy(request)
        key = target["ResourceId"], request["PolicyName"]
        former = self.policies.get(key, {})
        name = f"resource/sagemaker/{target['ResourceId']}:policyName/{request['PolicyName']}"
        arn = former.get("PolicyARN") or self._arn(f"scalingPolicy:{uuid.uuid4()}:{name}", service="autoscaling")
        self.policies[key] = {
            "PolicyARN": arn,
            "PolicyName": request["PolicyName"],
            "ServiceNamespace": NAMESPACE,
            "ResourceId": target["ResourceId"],
            "ScalableDimension": DIMENSION,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": request["TargetTrackingScalingPolicyConfiguration"],
            "Alarms": [],
            "CreationTime": former.get("CreationTime", time.time()),
        }
        return {"PolicyARN": arn, "Alarms": []}

    def delete_policy(self, request: Record) -> Record:
        """Forget a policy.

        Raises
        ------
        ApiError
            ``ObjectNotFoundException`` if there is none.
        """
        check_dimension(request)
        if self.policies.pop((request["ResourceId"], request["PolicyName"]), None) is None:
            raise ApiError(
                "ObjectNotFoundException",
                f"No scaling policy found for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
                f"scalable dimension: {DIMENSION}: {request['PolicyName']}",
            )
        return {}

    def describe_targets(self, request: Record) -> list[Record]:
        """Return the targets that a request asks for."""
        check_dimension(request)
        wanted = request.get("ResourceIds") or self.targets
        return [target for resource, target in self.targets.items() if resource in wanted]

    def describe_policies(self, request: Record) -> list[Record]:
        """Return the policies that a request asks for."""
        check_dimension(request)
        names = request.get("PolicyNames") or {name for _, name in self.policies}
        return [
            policy
            for (resource, name), policy in self.policies.items()
            if resource == request.get("ResourceId", resource) and name in names
        ]

    def tags_of(self, arn: str) -> dict[str, str]:
        """Return the live tags of a target.

        Raises
        ------
        ApiError
            ``ResourceNotFoundException`` if there is none with this ARN.
        """
        if arn not in self.tags:
            raise ApiError("ResourceNotFoundException", f"The specified resource doesn't exist: {arn}")
        return self.tags[arn]

    def _variant(self, request: Record) -> str:
        check_dimension(request)
        resource: str = request["ResourceId"]
        if not _RESOURCE.fullmatch(resource):
            raise ValidationError(f"Unsupported service namespace, resource type or scalable dimension: {resource}")
        if not self.has_variant(*parts(resource)):
            raise ValidationError(f"SageMaker endpoint variant doesn't exist: {resource}")
        return resource

    def _target(self, request: Record) -> Record:
        check_dimension(request)
        if request["ResourceId"] not in self.targets:
            raise ApiError(
                "ObjectNotFoundException",
                f"No scalable target found for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
                f"scalable dimension: {DIMENSION}",
            )
        return self.targets[request["ResourceId"]]

    def _arn(self, name: str, service: str = "application-autoscaling") -> str:
        return f"arn:aws:{service}:{self.place.region}:{self.place.account}:{name}"

    def _service_linked_role(self) -> str:
        return f"arn:aws:iam::{self.place.account}:role/{_ROLE}/{_ROLE_NAME}"


def parts(resource: str) -> tuple[str, str]:
    """Return the names of endpoint and variant in a resource id."""
    _, endpoint, _, variant = resource.split("/")
    return endpoint, variant


def check_dimension(request: Record) -> None:
    """Refuse what is no variant of SageMaker.

    Raises
    ------
    NotEmulatedError
        Naming the namespace or dimension.
    """
    if request["ServiceNamespace"] != NAMESPACE:
        raise NotEmulatedError(f"the service namespace {request['ServiceNamespace']}")
    if request.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise NotEmulatedError(f"the scalable dimension {request['ScalableDimension']}")


def _check_policy(request: Record) -> None:
    kind = request.get("PolicyType", "StepScaling")
    if kind != "TargetTrackingScaling":
        raise NotEmulatedError(f"scaling policies of type {kind}")
    for member in ("StepScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration"):
        if member in request:
            raise ValidationError(f"{member} does not fit a policy of type {kind}.")
    tracking = request.get("TargetTrackingScalingPolicyConfiguration")
    if tracking is None:
        raise ValidationError("TargetTrackingScalingPolicyConfiguration is required for this policy type.")
    if "CustomizedMetricSpecification" in tracking:
        raise NotEmulatedError("CustomizedMetricSpecification")
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric is None:
        raise ValidationError("A metric specification is required for a target tracking policy.")
    if metric != METRIC:
        raise NotEmulatedError(f"the predefined metric {metric}")
    if tracking["TargetValue"] <= 0:
        raise ValidationError("TargetValue must be greater than 0.")

"""Application Auto Scaling through boto3: what is registered, changed, refused and forgotten."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.scaling.errors import ApiError
from infra.local.scaling.service import ScalingService
from infra.local.scaling.targets import DIMENSION, Place

from .conftest import policy
from .sagemaker_world import SageMakerWorld, production_variant

Scale = Callable[..., dict[str, Any]]
PLACE = Place("000000000000", "us-east-1")
TARGET = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/V", "ScalableDimension": DIMENSION}
TRACKING = {
    "TargetValue": 1000.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    "ScaleInCooldown": 300,
    "ScaleOutCooldown": 60,
}
POLICY = {
    **TARGET,
    "PolicyName": "p",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": TRACKING,
}


class OneVariant:
    """``V`` of endpoint ``e``, which does not serve."""

    def exists(self, place: Place, endpoint: str, variant: str) -> bool:
        return (place, endpoint, variant) == (PLACE, "e", "V")

    def find(self, place: Place, endpoint: str, variant: str) -> None:
        return None

    def resize(self, place: Place, endpoint: str, variant: str, count: int) -> None:
        raise AssertionError("nothing serves")


@pytest.fixture
def service() -> ScalingService:
    return ScalingService(OneVariant())


@pytest.fixture
def scale(service: ScalingService) -> Scale:
    return lambda operation, **members: service.call(operation, members, PLACE)


def test_a_target_is_described_and_changed_in_part(scale: Scale) -> None:
    arn = scale("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=10)["ScalableTargetARN"]
    scale("RegisterScalableTarget", **TARGET, MaxCapacity=4)

    (target,) = scale("DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"]

    assert (target["ScalableTargetARN"], target["ResourceId"]) == (arn, TARGET["ResourceId"])
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")


def test_a_policy_keeps_its_arn_and_goes_with_its_target(scale: Scale) -> None:
    scale("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=10)
    arn = scale("PutScalingPolicy", **POLICY)["PolicyARN"]
    changed = {**TRACKING, "TargetValue": 500.0}

    again = scale("PutScalingPolicy", **{**POLICY, "TargetTrackingScalingPolicyConfiguration": changed})
    (policy,) = scale("DescribeScalingPolicies", ServiceNamespace="sagemaker", PolicyNames=["p"])["ScalingPolicies"]
    scale("DeregisterScalableTarget", **TARGET)

    assert again["PolicyARN"] == policy["PolicyARN"] == arn
    assert policy["TargetTrackingScalingPolicyConfiguration"] == changed
    assert scale("DescribeScalingPolicies", ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert scale("DescribeScalingActivities", ServiceNamespace="sagemaker")["ScalingActivities"] == []


@pytest.mark.parametrize(
    ("operation", "members", "named"),
    [
        ("RegisterScalableTarget", {**TARGET, "ServiceNamespace": "ecs"}, "namespace ecs"),
        (
            "RegisterScalableTarget",
            {**TARGET, "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"},
            "DesiredProvisionedConcurrency",
        ),
        ("RegisterScalableTarget", {**TARGET, "ServiceNamespace": "sage"}, "enum value set"),
        ("RegisterScalableTarget", TARGET, "MinCapacity and MaxCapacity are required"),
        ("RegisterScalableTarget", {**TARGET, "MinCapacity": 3, "MaxCapacity": 2}, "less than minimum"),
        (
            "RegisterScalableTarget",
            {**TARGET, "ResourceId": "endpoint/e/variant/W", "MinCapacity": 1, "MaxCapacity": 2},
            "variant doesn't exist: endpoint/e/variant/W",
        ),
        ("PutScalingPolicy", {**POLICY, "PolicyType": "StepScaling"}, "StepScaling"),
        (
            "PutScalingPolicy",
            {**POLICY, "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}},
            "metric specification is required",
        ),
        (
            "PutScalingPolicy",
            {**POLICY, "TargetTrackingScalingPolicyConfiguration": {**TRACKING, "CustomizedMetricSpecification": {}}},
            "CustomizedMetricSpecification",
        ),
        ("PutScheduledAction", {}, "PutScheduledAction"),
        ("DescribeScalingActivities", {"ServiceNamespace": "ecs"}, "namespace ecs"),
        (
            "DescribeScalingActivities",
            {"ServiceNamespace": "sagemaker", "IncludeNotScaledActivities": True},
            "IncludeNotScaledActivities",
        ),
        ("RegisterScalableTarget", {}, "ServiceNamespace"),
    ],
)
def test_what_aws_refuses_or_is_not_emulated_is_refused_by_name(
    scale: Scale, operation: str, members: dict[str, Any], named: str
) -> None:
    if operation == "PutScalingPolicy":
        scale("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=10)

    with pytest.raises(ApiError) as refused:
        scale(operation, **members)

    assert refused.value.code == "ValidationException"
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutScalingPolicy", POLICY),
        ("DeregisterScalableTarget", TARGET),
        ("DeleteScalingPolicy", {**TARGET, "PolicyName": "p"}),
    ],
)
def test_what_is_not_registered_is_not_found(scale: Scale, operation: str, members: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as missing:
        scale(operation, **members)

    assert missing.value.code == "ObjectNotFoundException"


def test_everything_survives_a_restart(service: ScalingService, scale: Scale) -> None:
    arn = scale("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=10, Tags={"k": "v"})["ScalableTargetARN"]
    scale("PutScalingPolicy", **POLICY)
    saved = service.save()

    service.reset()
    forgotten = scale("DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"]
    service.load(saved)

    assert forgotten == []
    assert service.save() == saved
    assert scale("ListTagsForResource", ResourceARN=arn)["Tags"] == {"k": "v"}
    scale("DeleteScalingPolicy", **TARGET, PolicyName="p")


@pytest.fixture
def world(client: Any, name: str, role: Callable[..., str], tmp_path: Path) -> Iterator[SageMakerWorld]:
    may = {"Effect": "Allow", "Action": ["s3:GetObject", "ecr:BatchGetImage"], "Resource": "*"}
    made = SageMakerWorld(client, name, role("sagemaker.amazonaws.com", may), tmp_path)
    yield made
    made.remove()


def test_only_variants_of_the_embedded_sagemaker_can_be_registered(world: SageMakerWorld, client: Any) -> None:
    scaling = client("application-autoscaling")
    world.endpoint(world.config("one", production_variant("V", world.model("a"))))
    target = {**TARGET, "ResourceId": f"endpoint/{world.name}/variant/V", "MinCapacity": 1, "MaxCapacity": 2}

    arn = scaling.register_scalable_target(**target)["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"a": "1", "b": "2"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])

    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}
    with pytest.raises(ClientError, match="doesn't exist"):
        scaling.register_scalable_target(**{**target, "ResourceId": f"endpoint/{world.name}/variant/W"})
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.put_scaling_policy(**POLICY)
    identity = {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    scaling.deregister_scalable_target(**identity)
    with pytest.raises(scaling.exceptions.ResourceNotFoundException):
        scaling.list_tags_for_resource(ResourceARN=arn)


def test_calls_are_authorized_on_scalable_targets(client: Any, name: str) -> None:
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    theirs = client("application-autoscaling", key["AccessKeyId"], key["SecretAccessKey"])
    targets = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/*"
    may = {"Effect": "Allow", "Action": "application-autoscaling:*", "Resource": targets}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(may))

    with pytest.raises(theirs.exceptions.ObjectNotFoundException):  # so it was allowed to ask
        theirs.put_scaling_policy(**POLICY)
    with pytest.raises(ClientError, match="not authorized"):  # listing has no narrower resource than all
        theirs.describe_scalable_targets(ServiceNamespace="sagemaker")

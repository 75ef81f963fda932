"""SageMaker and its scaling in CloudFormation: what a stack makes, changes in place, replaces, and leaves alone."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.image_manifests import OCI_MANIFEST

from .image_world import manifest
from .sagemaker_world import PATIENCE_SECONDS, SageMakerWorld

Template = dict[str, Any]
Deploy = Callable[[Template], dict[str, str]]


@pytest.fixture
def world(client: Any, name: str, role: Callable[..., str], tmp_path: Path) -> Iterator[SageMakerWorld]:
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    pull = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}
    made = SageMakerWorld(client, name, role("sagemaker.amazonaws.com", read, pull), tmp_path)
    for who in ("a", "b", "broken"):
        made.model(who)
    yield made
    made.remove()


@pytest.fixture
def deploy(client: Any, name: str) -> Iterator[Deploy]:
    """Creates or updates the stack; returns its outputs, or raises with the reason of the first failure."""
    cloudformation = client("cloudformation")

    def settled() -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (stack := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith(
            "PROGRESS"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return dict(stack)

    def make(template: Template) -> dict[str, str]:
        body = json.dumps(template)
        try:
            cloudformation.describe_stacks(StackName=name)
        except cloudformation.exceptions.ClientError:
            cloudformation.create_stack(StackName=name, TemplateBody=body)
        else:
            cloudformation.update_stack(StackName=name, TemplateBody=body)
        stack = settled()
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
            raise AssertionError([event.get("ResourceStatusReason") for event in failed])
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    yield make
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )


def template(world: SageMakerWorld, who: str = "a", weight: int = 1, **endpoint: Any) -> Template:
    """Return a template as the CDK renders it: a model of its own, an endpoint that scales."""
    resource_id = f"endpoint/{world.name}/variant/V"
    policy = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "TargetValue": 1000,
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
    }
    return {
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    **{k: v for k, v in world.model_request(who, f"{who}/model.tar.gz").items() if k != "ModelName"},
                    "EnableNetworkIsolation": True,
                },
            },
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {
                    "ProductionVariants": [
                        {
                            "VariantName": "V",
                            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                            "InitialInstanceCount": 1,
                            "InstanceType": "ml.c6i.large",
                            "InitialVariantWeight": weight,
                        }
                    ],
                    "KmsKeyId": "key",
                },
            },
            "Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {
                    "EndpointName": world.name,
                    "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                    **endpoint,
                },
            },
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                "DependsOn": "Endpoint",
                "Properties": {
                    "ServiceNamespace": "sagemaker",
                    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                    "ResourceId": resource_id,
                    "MinCapacity": 1,
                    "MaxCapacity": 10,
                    "Tags": [{"Key": "k", "Value": "v"}],
                },
            },
            "Policy": {
                "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
                "Properties": {
                    "PolicyName": "p",
                    "PolicyType": "TargetTrackingScaling",
                    "ScalingTargetId": {"Ref": "Target"},
                    "TargetTrackingScalingPolicyConfiguration": policy,
                },
            },
        },
        "Outputs": {
            "Model": {"Value": {"Fn::GetAtt": ["Model", "ModelName"]}},
            "Config": {"Value": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
            "Endpoint": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
            "EndpointArn": {"Value": {"Ref": "Endpoint"}},
            "Target": {"Value": {"Ref": "Target"}},
            "Policy": {"Value": {"Ref": "Policy"}},
        },
    }


def test_a_stack_whose_image_is_no_docker_image_fails_at_its_model(world: SageMakerWorld, deploy: Deploy) -> None:
    """What the first deployment from a current engine came to on AWS."""
    world.ecr.put_image(repositoryName=world.name, imageManifest=manifest(OCI_MANIFEST), imageTag="oci")
    world.image = world.image.replace(":v1", ":oci")

    with pytest.raises(AssertionError, match=f"Unsupported manifest media type {re.escape(OCI_MANIFEST)} for image"):
        deploy(template(world))


def test_a_deployed_endpoint_serves_and_another_model_replaces_the_former(
    world: SageMakerWorld, deploy: Deploy, client: Any
) -> None:
    scaling = client("application-autoscaling")
    first = deploy(template(world))
    served_first = world.invoke()["who"]
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]

    second = deploy(template(world, "b", Tags=[{"Key": "k", "Value": "v"}]))

    assert served_first == "a"
    assert first["Endpoint"] == world.name
    assert first["EndpointArn"] == second["EndpointArn"] == world.describe()["EndpointArn"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 10)
    assert first["Target"] == f"{target['ResourceId']}|sagemaker:variant:DesiredInstanceCount|sagemaker"
    assert policy["PolicyARN"] == first["Policy"] == second["Policy"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["ScaleInCooldown"] == 300
    assert world.describe()["EndpointConfigName"] == second["Config"] != first["Config"]
    assert world.invoke()["who"] == "b"
    assert {"Key": "k", "Value": "v"} in world.sagemaker.list_tags(ResourceArn=second["EndpointArn"])["Tags"]
    models = [model["ModelName"] for model in world.sagemaker.list_models(NameContains="Model")["Models"]]
    assert first["Model"] not in models


def test_a_deployment_that_asks_nothing_of_the_endpoint_leaves_alone_what_it_serves(
    world: SageMakerWorld, deploy: Deploy
) -> None:
    deploy(template(world))
    by_hand = world.config(
        "by-hand",
        {"VariantName": "V", "ModelName": f"{world.name}-b", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"},
    )
    world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=by_hand)
    world.wait()

    unrelated = template(world)
    unrelated["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic"}
    deploy(unrelated)

    assert world.describe()["EndpointConfigName"] == by_hand
    assert world.invoke()["who"] == "b"


def test_an_update_to_a_model_that_does_not_serve_fails_and_the_former_one_serves(
    world: SageMakerWorld, deploy: Deploy
) -> None:
    first = deploy(template(world))

    with pytest.raises(AssertionError, match="did not pass the ping health check"):
        deploy(template(world, "broken"))

    assert world.invoke()["who"] == "a"
    assert world.describe()["EndpointConfigName"] == first["Config"]


def test_an_endpoint_that_never_serves_fails_the_stack_and_is_gone(world: SageMakerWorld, deploy: Deploy) -> None:
    with pytest.raises(AssertionError, match="did not pass the ping health check"):
        deploy(template(world, "broken"))

    assert world.sagemaker.list_endpoints(NameContains=world.name)["Endpoints"] == []
    assert world.servers() == set()


@pytest.mark.parametrize(
    ("resource", "member", "value"),
    [
        ("Model", "Containers", []),
        ("Config", "AsyncInferenceConfig", {"OutputConfig": {}}),
        ("Endpoint", "RetainDeploymentConfig", True),
        ("Target", "ScheduledActions", []),
    ],
)
def test_properties_that_are_not_emulated_fail_the_stack_by_name(
    world: SageMakerWorld, deploy: Deploy, resource: str, member: str, value: Any
) -> None:
    asked = template(world)
    asked["Resources"][resource]["Properties"][member] = value

    with pytest.raises(AssertionError, match=member):
        deploy(asked)

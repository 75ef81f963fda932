"""SageMaker's control plane through boto3: what is checked, refused, listed, tagged and allowed."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from infra.local.image_manifests import OCI_INDEX, OCI_MANIFEST, SCHEMA_2, SCHEMA_2_LIST
from infra.local.sagemaker.endpoint import Endpoint, Variant

from .conftest import policy
from .image_world import digest, index, manifest
from .sagemaker_world import SageMakerWorld, production_variant


@pytest.fixture
def world(client: Any, name: str, role: Callable[..., str], tmp_path: Path) -> Iterator[SageMakerWorld]:
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    pull = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}
    made = SageMakerWorld(client, name, role("sagemaker.amazonaws.com", read, pull), tmp_path)
    yield made
    made.remove()


def refusal(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**members)
    return str(refused.value)


def test_a_model_is_described_as_it_was_made(world: SageMakerWorld) -> None:
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    name = world.model("a", VpcConfig=vpc, EnableNetworkIsolation=True, Tags=[{"Key": "k", "Value": "v"}])

    described = world.sagemaker.describe_model(ModelName=name)

    assert described["ModelArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:model/{name}"
    assert described["PrimaryContainer"]["ModelDataUrl"] == f"s3://{world.name}/a/model.tar.gz"
    assert (described["ExecutionRoleArn"], described["EnableNetworkIsolation"]) == (world.role, True)
    assert described["VpcConfig"] == vpc
    assert world.sagemaker.list_tags(ResourceArn=described["ModelArn"])["Tags"] == [{"Key": "k", "Value": "v"}]


def test_a_model_whose_parts_are_not_there_is_refused(world: SageMakerWorld, client: Any) -> None:
    request = world.model_request("a", "nowhere/model.tar.gz")
    create = world.sagemaker.create_model
    world.s3.put_object(Bucket=world.name, Key="model.tar.gz", Body=b"x")
    there = {**request["PrimaryContainer"], "ModelDataUrl": f"s3://{world.name}/model.tar.gz"}
    gone = {**there, "Image": f"{world.image}-not-pushed"}
    nobody = "arn:aws:iam::000000000000:role/nobody"

    assert "Could not find model data" in refusal(create, **request)
    assert "not found" in refusal(create, **{**request, "PrimaryContainer": gone})
    assert "there is no such role" in refusal(create, **{**request, "ExecutionRoleArn": nobody})
    client("iam").delete_role_policy(RoleName=f"{world.name}-sagemaker", PolicyName="own")
    assert "Could not access model data" in refusal(create, **{**request, "PrimaryContainer": there})


@pytest.mark.parametrize("form", [OCI_MANIFEST, OCI_INDEX, SCHEMA_2_LIST])
def test_a_model_of_an_image_in_another_form_than_dockers_schema_2_is_refused(world: SageMakerWorld, form: str) -> None:
    part = manifest(SCHEMA_2 if form == SCHEMA_2_LIST else OCI_MANIFEST, of="another image")
    world.ecr.put_image(repositoryName=world.name, imageManifest=part, imageTag="part")
    text = part if form == OCI_MANIFEST else index(part, form=form)
    if text != part:
        world.ecr.put_image(repositoryName=world.name, imageManifest=text, imageTag="whole")
    world.model("a")  # its archive is what the refused models name, too
    request = world.model_request("b", "a/model.tar.gz")
    repository = world.image.partition(":")[0]

    for image in (f"{repository}:{'part' if text == part else 'whole'}", f"{repository}@{digest(text)}"):
        container = {**request["PrimaryContainer"], "Image": image}
        refused = refusal(world.sagemaker.create_model, **{**request, "PrimaryContainer": container})
        assert refused == (
            "An error occurred (ValidationException) when calling the CreateModel operation: Unsupported manifest "
            f"media type {form} for image {image}. Ensure that valid manifest media type is used for specified image."
        )


def test_unknown_and_taken_names_are_refused_in_sagemakers_words(world: SageMakerWorld) -> None:
    sagemaker = world.sagemaker
    model = world.model("a")
    config = world.config("one", production_variant("V", model))

    assert "Could not find model" in refusal(sagemaker.describe_model, ModelName="nobody")
    assert "Could not find model" in refusal(
        sagemaker.create_endpoint_config,
        EndpointConfigName="x",
        ProductionVariants=[production_variant("V", "nobody")],
    )
    assert "Could not find endpoint configuration" in refusal(
        sagemaker.create_endpoint, EndpointName="x", EndpointConfigName="nobody"
    )
    assert "Could not find endpoint " in refusal(
        sagemaker.update_endpoint, EndpointName="nobody", EndpointConfigName=config
    )
    assert "already existing model" in refusal(sagemaker.create_model, **world.model_request("a", "a/model.tar.gz"))
    assert "already existing endpoint configuration" in refusal(
        sagemaker.create_endpoint_config,
        EndpointConfigName=config,
        ProductionVariants=[production_variant("V", model)],
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 1,
                    "DestinationS3Uri": "s3://b",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "DataCaptureConfig",
        ),
        ({"AsyncInferenceConfig": {"OutputConfig": {}}}, "AsyncInferenceConfig"),
        ({"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}, "ServerlessConfig"),
        ({"RoutingConfig": {"RoutingStrategy": "PREFIX_AWARE"}}, "PREFIX_AWARE"),
        ({"InitialVariantWeight": 0.0}, "weight greater than 0"),
    ],
)
def test_configurations_that_are_not_emulated_are_refused_by_name(
    world: SageMakerWorld, change: dict[str, Any], named: str
) -> None:
    ours = ("ServerlessConfig", "RoutingConfig", "InitialVariantWeight")
    variant = {**production_variant("V", world.model("a")), **{k: v for k, v in change.items() if k in ours}}
    rest = {key: value for key, value in change.items() if key not in ours}

    create = world.sagemaker.create_endpoint_config
    assert named in refusal(create, EndpointConfigName=world.name, ProductionVariants=[variant], **rest)


def test_operations_and_deployments_that_are_not_emulated_are_refused_by_name(world: SageMakerWorld) -> None:
    config = world.config("one", production_variant("V", world.model("a")))
    waits = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60}
    canary = {"Type": "CANARY", "WaitIntervalInSeconds": 0}

    def create(routing: dict[str, Any]) -> str:
        policy = {"TrafficRoutingConfiguration": routing}
        return refusal(
            world.sagemaker.create_endpoint,
            EndpointName=world.name,
            EndpointConfigName=config,
            DeploymentConfig={"BlueGreenUpdatePolicy": policy},
        )

    assert "WaitIntervalInSeconds" in create(waits)
    assert "CANARY" in create(canary)
    assert "does not emulate ListTrainingJobs" in refusal(world.sagemaker.list_training_jobs)


def test_what_the_api_model_forbids_is_refused_before_anything_happens(client: Any) -> None:
    unchecked = boto3.client(
        "sagemaker",
        endpoint_url=client("sagemaker").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False),
    )

    assert "regular expression pattern" in refusal(unchecked.describe_endpoint, EndpointName="under_score")
    assert "EndpointName" in refusal(unchecked.describe_endpoint)
    assert "less than or equal to 63" in refusal(unchecked.describe_endpoint, EndpointName="x" * 64)
    assert "enum value set" in refusal(unchecked.list_models, SortBy="Size")


def test_lists_are_filtered_and_come_in_pages(world: SageMakerWorld) -> None:
    names = [world.model(who) for who in ("a", "b", "c")]
    list_models = world.sagemaker.get_paginator("list_models").paginate

    pages = [
        [model["ModelName"] for model in page["Models"]]
        for page in list_models(NameContains=world.name, SortOrder="Ascending", PaginationConfig={"PageSize": 2})
    ]

    assert pages == [names[:2], names[2:]]
    assert "NextToken" in refusal(world.sagemaker.list_models, NextToken="?")
    world.sagemaker.delete_model(ModelName=names[0])
    assert [m["ModelName"] for m in world.sagemaker.list_models(NameContains=world.name)["Models"]] == names[:0:-1]


def test_tags_are_added_and_removed(world: SageMakerWorld) -> None:
    world.config("one", production_variant("V", world.model("a")))
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/{world.name}-one"

    world.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    world.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])

    assert world.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert "Could not find" in refusal(world.sagemaker.list_tags, ResourceArn=f"{arn}-not")


def test_more_instances_than_the_machine_should_have_are_refused(world: SageMakerWorld) -> None:
    config = world.config("one", production_variant("V", world.model("a"), count=41))

    with pytest.raises(world.sagemaker.exceptions.ResourceLimitExceeded):
        world.sagemaker.create_endpoint(EndpointName=world.name, EndpointConfigName=config)


def test_a_change_of_weights_is_authorized_on_the_endpoint_alone(world: SageMakerWorld, client: Any, name: str) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"))))
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{world.name}"
    may = {"Effect": "Allow", "Action": "sagemaker:Update*", "Resource": arn}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(may))
    theirs = client("sagemaker", key["AccessKeyId"], key["SecretAccessKey"])

    weights = [{"VariantName": "V", "DesiredWeight": 7}]
    theirs.update_endpoint_weights_and_capacities(EndpointName=world.name, DesiredWeightsAndCapacities=weights)

    assert world.variant("V")["CurrentWeight"] == 7
    # A new configuration must be allowed too, not the endpoint alone.
    assert "not authorized" in refusal(
        theirs.update_endpoint, EndpointName=world.name, EndpointConfigName=f"{world.name}-one"
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any))
def test_any_whole_cycle_of_requests_is_shared_exactly_by_weight(weights: list[int]) -> None:
    variants = {str(n): Variant({"VariantName": str(n)}, {}, weight, 1) for n, weight in enumerate(weights)}
    endpoint = Endpoint("e", "arn", "c", variants)

    for _ in range(3):
        chosen = [endpoint.next_variant().name for _ in range(sum(weights))]
        assert [chosen.count(name) for name in variants] == weights


def test_equal_weights_alternate() -> None:
    variants = {name: Variant({"VariantName": name}, {}, 1.0, 1) for name in "ab"}
    endpoint = Endpoint("e", "arn", "c", variants)

    chosen = [endpoint.next_variant().name for _ in range(6)]

    assert all(one != other for one, other in itertools.pairwise(chosen))

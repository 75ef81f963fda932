import json

import pytest

from infra.naming import VARIANTS
from infra.stacks.models import takes_volume_key
from tests.infra.assembly import ACCOUNT, NAMES

VERSIONS = f"arn:aws:s3:::{NAMES.bucket('models')}/versions/*"
LOG_GROUP = f"/aws/sagemaker/Endpoints/{NAMES.endpoint}"


def the(assembly, kind):
    return assembly.one(f"AWS::SageMaker::{kind}").properties


def shipped(assembly):
    return assembly.one("Custom::ShippedModel")


def statements(assembly, action):
    return [s for s in assembly.statements(NAMES.role("endpoint")) if action in s["Action"]]


def test_the_endpoint_shares_its_traffic_80_to_20_between_two_variants_of_the_first_model(assembly):
    variants = the(assembly, "EndpointConfig")["ProductionVariants"]

    assert {v["VariantName"]: v["InitialVariantWeight"] for v in variants} == {"ModelA": 80, "ModelB": 20}
    assert all(v["ModelName"] == {"Fn::GetAtt": ["Model", "ModelName"]} for v in variants)
    assert {v["InstanceType"] for v in variants} == {"ml.c6i.large"}
    assert the(assembly, "Endpoint")["EndpointName"] == NAMES.endpoint


def test_the_volumes_of_the_endpoint_are_encrypted_with_the_key_of_the_data(assembly):
    key = the(assembly, "EndpointConfig")["KmsKeyId"]

    assert "DataKey" in key["Fn::ImportValue"]


@pytest.mark.parametrize(
    ("instance_type", "takes"),
    [
        ("ml.c6i.large", True),
        ("ml.m5.xlarge", True),
        ("ml.m5d.xlarge", False),
        ("ml.c6id.large", False),
        ("ml.g4dn.xlarge", False),
        ("ml.g5.xlarge", False),
        ("ml.p4d.24xlarge", False),
        ("ml.inf2.xlarge", True),
    ],
)
def test_instance_types_with_disks_of_their_own_take_no_key(instance_type, takes):
    assert takes_volume_key(instance_type) is takes


def test_the_container_runs_what_is_registered_for_the_version_that_was_shipped_first(assembly):
    container = the(assembly, "Model")["PrimaryContainer"]
    resource = shipped(assembly).logical_id

    assert container == {
        "Image": {"Fn::GetAtt": [resource, "Image"]},
        "ModelDataUrl": {"Fn::GetAtt": [resource, "Artifact"]},
        "Environment": {
            "ML_PIPELINE_MODEL_VERSION": {"Fn::GetAtt": [resource, "Version"]},
            "ML_PIPELINE_THRESHOLD": {"Fn::GetAtt": [resource, "Threshold"]},
        },
    }


@pytest.mark.parametrize("kind", ["Model", "EndpointConfig", "Endpoint"])
def test_what_serves_depends_on_nothing_that_a_later_deployment_may_change(assembly, kind):
    """Else a new image, a retrained model or a new cost centre would put the first model back."""
    properties = the(assembly, kind)

    assert not any(asset in json.dumps(properties) for asset in ("container-assets", "cdk-hnb659fds"))
    assert {tag["Key"] for tag in properties["Tags"]} == {"Project", "Environment"}


def test_model_and_configuration_have_names_of_their_own_so_that_cloudformation_cannot_replace_them(assembly):
    assert the(assembly, "Model")["ModelName"] == NAMES.of("sagemaker-first-model")
    assert the(assembly, "EndpointConfig")["EndpointConfigName"] == NAMES.of("sagemaker-first-config")


def test_instances_are_left_to_scaling_whose_settings_may_change(assembly):
    assert all(v["InitialInstanceCount"] == 1 for v in the(assembly, "EndpointConfig")["ProductionVariants"])


def test_the_first_model_is_shipped_by_a_function_that_may_read_this_one_object(assembly):
    properties = shipped(assembly).properties
    read = {resource for action, resource in assembly.allowed(NAMES.role("ship-model")) if action == "s3:GetObject"}

    assert properties["Version"] == "flights-2013-h1"
    assert properties["ServiceToken"].endswith(f":function:{NAMES.function('ship-model')}")
    assert read == {f"arn:aws:s3:::{properties['Bucket']}/{properties['Key']}"}


def test_the_shipped_object_is_an_asset_of_the_stack(assembly):
    manifest = json.loads((assembly.directory / f"{NAMES.stack('models')}.assets.json").read_text())
    files = {
        destination["objectKey"]: file["source"]
        for file in manifest["files"].values()
        for destination in file["destinations"].values()
    }

    source = files[shipped(assembly).properties["Key"]]

    assert source["packaging"] == "file"
    assert (assembly.directory / source["path"]).is_file()


def test_model_containers_stand_in_the_isolated_subnets_and_reach_nothing(assembly):
    model = the(assembly, "Model")
    egress = assembly.of_type("AWS::EC2::SecurityGroupEgress", "models")

    assert model["EnableNetworkIsolation"] is True
    assert len(model["VpcConfig"]["Subnets"]) == 2
    assert len(model["VpcConfig"]["SecurityGroupIds"]) == 1
    # SageMaker itself fetches the artifact this way.
    assert [(e.properties["DestinationPrefixListId"], e.properties["FromPort"]) for e in egress] == [
        ("pl-63a5400a", 443)
    ]
    assert not assembly.of_type("AWS::EC2::SecurityGroupIngress", "models")


def test_sagemaker_may_read_artifacts_of_versions_and_no_other_object(assembly):
    objects = {
        resource
        for action, resource in assembly.allowed(NAMES.role("endpoint"))
        if action.startswith("s3:") and "/" in resource
    }

    assert objects == {VERSIONS}


def test_sagemaker_may_pull_the_image_from_its_repository_alone(assembly):
    (pull,) = statements(assembly, "ecr:BatchGetImage")

    assert pull["Resource"] == [
        f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/cdk-hnb659fds-container-assets-{ACCOUNT}-us-east-1"
    ]


def test_sagemaker_publishes_metrics_in_its_own_namespaces_alone(assembly):
    (metrics,) = statements(assembly, "cloudwatch:PutMetricData")

    assert metrics["Condition"] == {"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/*"]}}


def test_network_interfaces_are_made_in_our_subnets_with_our_group(assembly):
    (create,) = statements(assembly, "ec2:CreateNetworkInterface")
    kinds = [resource.split(":")[5].split("/")[0] for resource in create["Resource"]]

    assert sorted(kinds) == ["network-interface", "security-group", "subnet", "subnet"]


def test_sagemaker_may_do_nothing_else(assembly):
    services = {action.split(":")[0] for action, _ in assembly.allowed(NAMES.role("endpoint"))}

    assert services == {"s3", "kms", "ecr", "ec2", "logs", "cloudwatch"}


def test_only_sagemaker_on_behalf_of_this_account_assumes_the_role(assembly):
    role = assembly.one("AWS::IAM::Role", RoleName=NAMES.role("endpoint")).properties
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_log_group_is_there_before_the_endpoint_logs(assembly):
    """SageMaker would make one that never expires."""
    group = assembly.one("AWS::Logs::LogGroup", LogGroupName=LOG_GROUP)
    written = {resource for s in statements(assembly, "logs:PutLogEvents") for resource in s["Resource"]}

    assert group.logical_id in assembly.one("AWS::SageMaker::Endpoint").body["DependsOn"]
    assert written == {f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{LOG_GROUP}:*"}


def test_sagemaker_has_its_rights_before_it_tries_them(assembly):
    depends_on = assembly.one("AWS::SageMaker::Model").body["DependsOn"]

    assert any(name.startswith("EndpointRoleDefaultPolicy") for name in depends_on)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_scales_by_its_invocations(assembly, variant):
    resource_id = f"endpoint/{NAMES.endpoint}/variant/{variant}"
    target = assembly.one("AWS::ApplicationAutoScaling::ScalableTarget", ResourceId=resource_id)
    policy = assembly.one("AWS::ApplicationAutoScaling::ScalingPolicy", ScalingTargetId={"Ref": target.logical_id})

    assert (target.properties["MinCapacity"], target.properties["MaxCapacity"]) == (1, 10)
    assert target.properties["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert policy.properties["PolicyType"] == "TargetTrackingScaling"
    assert policy.properties["TargetTrackingScalingPolicyConfiguration"] == {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "TargetValue": 1000,
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
    }


def test_variants_scale_once_the_endpoint_is_there_and_with_the_service_linked_role(assembly):
    for target in assembly.of_type("AWS::ApplicationAutoScaling::ScalableTarget"):
        assert target.body["DependsOn"] == ["Endpoint"]
        assert "RoleARN" not in target.properties

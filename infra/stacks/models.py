"""The first model, and the SageMaker endpoint with its two variants that scale by themselves.

The stack makes the endpoint and then leaves it alone: which model it serves, on which instances and with which weights
is changed by workflows, and no later deployment takes that back (decision 0007).
"""

import re
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra import shipped_model
from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.naming import VARIANTS, Names
from infra.parts.deployed_function import deployed_function
from infra.parts.image import SERVER, container_image
from infra.parts.log_group import log_group
from infra.parts.stored import Stored
from infra.settings import Scaling, Settings
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack

_WITH_LOCAL_DISKS = re.compile(r"ml\.([a-z]+\d[a-z]*d[a-z]*|g[56]\w*|i\d\w*|p5\w*|trn\d\w*)\.")


class ModelsStack(cdk.Stack):
    """First model, endpoint and scaling.

    Raises
    ------
    PackagingError
        If the first model cannot be trained.
    """

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        names: Names,
        storage: StorageStack,
        network: NetworkStack,
        tasks: TasksStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, names.stack("models"), **stack)
        self.add_stack_dependency(tasks, "the function that ships the model")
        self._settings = settings
        self._names = names
        self._image = container_image(self, SERVER)
        shipped = self._ship(tasks)
        logs = log_group(self, "Logs", f"/aws/sagemaker/Endpoints/{names.endpoint}", settings, storage.logs_key)
        group = self._security_group(network)
        role = iam.Role(
            self,
            "EndpointRole",
            role_name=names.role("endpoint"),
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description="What SageMaker may do to run the model containers",
        )
        self._let_start_containers(role, Stored(self, names, storage), network, group)
        # Our group has an end and our key. SageMaker asks for a group at each start, whether there is one or not.
        logs.grant_write(role)
        logs.grant(role, "logs:CreateLogGroup", "logs:DescribeLogStreams")

        model = self._model(shipped, role, network, group)
        endpoint = self._endpoint(model, storage)
        # SageMaker tries the role's rights on artifact and image at once, and starts to log before it is in service.
        model.node.add_dependency(role, group)
        endpoint.node.add_dependency(logs)
        for variant in VARIANTS:
            self._scale(variant, endpoint, settings.endpoint.scaling)

    def _ship(self, tasks: TasksStack) -> cdk.CustomResource:
        """Register the first model. The attributes of the resource are those of its creation and never change."""
        first = self._settings.first_model
        asset = s3_assets.Asset(self, "FirstModelFiles", path=str(shipped_model.archive(first)))
        tasks.let_ship(asset)
        return cdk.CustomResource(
            self,
            "FirstModel",
            resource_type="Custom::ShippedModel",
            service_token=deployed_function(self, self._names, "ship-model").function_arn,
            # A function that dies without an answer would hold the stack for an hour.
            service_timeout=cdk.Duration.minutes(5),
            properties={
                "Version": first.version,
                "Bucket": asset.s3_bucket_name,
                "Key": asset.s3_object_key,
                "Image": self._image.image_uri,
            },
        )

    def _security_group(self, network: NetworkStack) -> ec2.SecurityGroup:
        """SageMaker fetches the artifact through our network; the container itself reaches nothing and nobody.

        Source: SageMaker developer guide, "Run Training and Inference Containers in Internet-Free Mode".
        """
        group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=network.vpc,
            security_group_name=self._names.of("ec2-endpoint"),
            description=f"Model containers of ml-pipeline, {self._names.environment}",
            allow_all_outbound=False,
        )
        group.add_egress_rule(
            ec2.Peer.prefix_list(self._settings.prefix_lists[self._settings.region].s3),
            ec2.Port.tcp(443),
            "S3, by its gateway endpoint",
        )
        return group

    def _let_start_containers(
        self, role: iam.Role, stored: Stored, network: NetworkStack, group: ec2.SecurityGroup
    ) -> None:
        """What CreateModel asks for (SageMaker developer guide, "How to use SageMaker execution roles"), narrowed."""
        stored.let_read(role, stored.models, "versions/")
        self._image.repository.grant_pull(role)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/*"]}},
            )
        )
        interfaces = self.format_arn(service="ec2", resource="network-interface", resource_name="*")
        subnets = [
            self.format_arn(service="ec2", resource="subnet", resource_name=subnet.subnet_id)
            for subnet in network.vpc.isolated_subnets
        ]
        groups = self.format_arn(service="ec2", resource="security-group", resource_name=group.security_group_id)
        role.add_to_policy(
            iam.PolicyStatement(actions=["ec2:CreateNetworkInterface"], resources=[interfaces, groups, *subnets])
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ec2:CreateNetworkInterfacePermission",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DeleteNetworkInterfacePermission",
                ],
                resources=[interfaces],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                resources=["*"],
            )
        )
        acknowledge(role, f"IAM5[Resource::{interfaces}]", "EC2 names the network interfaces when it makes them.")
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "EC2's Describe actions, ecr:GetAuthorizationToken and cloudwatch:PutMetricData take no narrower "
            "resource; the last is held to SageMaker's namespaces by a condition.",
        )
        acknowledge_grants(role)

    def _model(
        self, shipped: cdk.CustomResource, role: iam.Role, network: NetworkStack, group: ec2.SecurityGroup
    ) -> sagemaker.CfnModel:
        return sagemaker.CfnModel(
            self,
            "Model",
            # With a name of its own it cannot be replaced (CloudFormation user guide, "Name type"): a deployment that
            # would have to replace it fails, and what is served stays.
            model_name=self._names.first_model,
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=shipped.get_att_string("Image"),
                model_data_url=shipped.get_att_string("Artifact"),
                environment={
                    "ML_PIPELINE_MODEL_VERSION": shipped.get_att_string("Version"),
                    "ML_PIPELINE_THRESHOLD": shipped.get_att_string("Threshold"),
                },
            ),
            vpc_config=sagemaker.CfnModel.VpcConfigProperty(
                subnets=[subnet.subnet_id for subnet in network.vpc.isolated_subnets],
                security_group_ids=[group.security_group_id],
            ),
            enable_network_isolation=True,
        )

    def _endpoint(self, model: sagemaker.CfnModel, storage: StorageStack) -> sagemaker.CfnEndpoint:
        chosen = self._settings.endpoint
        config = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            # As the model: never replaced.
            endpoint_config_name=self._names.first_config,
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=variant,
                    model_name=model.attr_model_name,
                    instance_type=chosen.instance_type,
                    # Scaling brings it to its minimum at once, and that setting may change later.
                    initial_instance_count=1,
                    initial_variant_weight=chosen.weights[variant],
                )
                for variant in VARIANTS
            ],
            kms_key_id=storage.data_key.key_arn if takes_volume_key(chosen.instance_type) else None,
        )
        # Its tags never change (`aspects.FIXED_TAGS_TYPES`): at a change of any property, tags too, CloudFormation
        # calls UpdateEndpoint with this configuration (see the update handler in the type's schema), which would put
        # the first model back.
        return sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._names.endpoint,
            endpoint_config_name=config.attr_endpoint_config_name,
        )

    def _scale(self, variant: str, endpoint: sagemaker.CfnEndpoint, wanted: Scaling) -> None:
        """Target tracking of one variant.

        The CDK's own construct of a target would make a role; without one, Application Auto Scaling uses its
        service-linked role, and makes that if it is the first time.
        """
        target = scaling.CfnScalableTarget(
            self,
            f"{variant}Instances",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{self._names.endpoint}/variant/{variant}",
            min_capacity=wanted.min,
            max_capacity=wanted.max,
        )
        target.add_resource_dependency(endpoint)
        scaling.TargetTrackingScalingPolicy(
            self,
            f"{variant}Tracking",
            policy_name=self._names.of(f"scaling-{variant.lower()}"),
            scaling_target=scaling.ScalableTarget.from_scalable_target_attributes(
                self,
                f"{variant}Target",
                scalable_target_id=target.ref,
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
            ),
            predefined_metric=scaling.PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
            target_value=wanted.target,
            scale_in_cooldown=cdk.Duration.seconds(wanted.scale_in_cooldown_seconds),
            scale_out_cooldown=cdk.Duration.seconds(wanted.scale_out_cooldown_seconds),
        )


def takes_volume_key(instance_type: str) -> bool:
    """Whether the volumes of an instance type can be encrypted with a key of ours.

    Types with disks of their own (NVMe) encrypt these in hardware; SageMaker refuses a key for them (API reference,
    "CreateEndpointConfig", KmsKeyId). All others, ml.c6i among them, have volumes of EBS.

    Parameters
    ----------
    instance_type
        Such as `ml.c6i.large`.
    """
    return not _WITH_LOCAL_DISKS.match(instance_type)

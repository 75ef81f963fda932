"""What the workflows that change which model is served may do by themselves, beside calling functions."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infra.acknowledgements import acknowledge
from infra.naming import Names
from infra.parts.serving_arns import ServingArns


def let_change_what_is_served(role: iam.Role, stack: cdk.Stack, names: Names, volumes_key: kms.IKey | None) -> None:
    """Let a workflow give the endpoint another configuration of ours, and other weights, and see how that goes.

    Parameters
    ----------
    role
        Role of the workflow.
    stack
        Stack of the workflows.
    names
        Names of the deployment.
    volumes_key
        Key of the instances' volumes, if they take one. SageMaker makes its grants in the name of whoever starts
        instances (SageMaker API reference, "CreateEndpointConfig", KmsKeyId).
    """
    arns = ServingArns(stack, names)
    configs = [arns.first_config, arns.made_configs]
    role.add_to_policy(iam.PolicyStatement(actions=["sagemaker:UpdateEndpoint"], resources=[arns.endpoint, *configs]))
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"],
            resources=[arns.endpoint],
        )
    )
    acknowledge(role, f"IAM5[Resource::{arns.made_configs}]", "Workflows name what they make when they run.")
    if volumes_key:
        volumes_key.grant(role, "kms:DescribeKey")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:CreateGrant"],
                resources=[volumes_key.key_arn],
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )


def let_make_models(role: iam.Role, stack: cdk.Stack, names: Names) -> None:
    """Let a workflow create models that run as the endpoint does, and configurations of them. Parameters as above."""
    arns = ServingArns(stack, names)
    for actions, arn in (
        (["sagemaker:CreateModel", "sagemaker:AddTags"], arns.made_models),
        (["sagemaker:CreateEndpointConfig", "sagemaker:AddTags"], arns.made_configs),
    ):
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[arn]))
        acknowledge(role, f"IAM5[Resource::{arn}]", "Workflows name what they make when they run.")
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[
                stack.format_arn(service="iam", region="", resource="role", resource_name=names.role("endpoint"))
            ],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
    )

"""A Lambda function of the pipeline: its code, role, log group and place in the network."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.naming import Names
from infra.parts.log_group import log_group
from infra.settings import Settings
from infra.stacks.network import NetworkStack


class TaskFunction(Construct):
    """One Lambda with a role of its own, which starts with nothing but logs, traces and its network interface.

    Parameters
    ----------
    scope
        Stack that owns it.
    name
        One of `infra.naming.FUNCTIONS`; it decides the handler, the size and all names.
    code, layer
        The package `tasks`, and the libraries it imports.
    network
        Where it runs; None: in a network of Lambda's, with a way to AWS and to the internet, and none to what is ours.
    logs_key
        Key of its log group.
    variables
        Environment variables, beside those of Powertools.

    Attributes
    ----------
    function
        The function; what it may do is added with the `grant*` methods of other constructs.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: Settings,
        names: Names,
        code: lambda_.Code,
        layer: lambda_.ILayerVersion,
        network: NetworkStack | None,
        logs_key: kms.IKey,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(scope, name)
        size = settings.functions[name]
        group = log_group(self, "Logs", f"/aws/lambda/{names.function(name)}", settings, logs_key)
        role = iam.Role(
            self,
            "Role",
            role_name=names.role(name),
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Lambda function {names.function(name)}",
        )
        group.grant_write(role)
        if network:
            _let_lambda_attach_to_the_network(role, cdk.Stack.of(self), names.function(name))
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=names.function(name),
            runtime=lambda_.Runtime.PYTHON_3_11,
            architecture=lambda_.Architecture.X86_64,
            handler=f"tasks.handlers.{name.replace('-', '_')}.handler",
            code=code,
            layers=[layer],
            memory_size=size.memory_mb,
            timeout=cdk.Duration.seconds(size.timeout_seconds),
            role=role,
            log_group=group,
            tracing=lambda_.Tracing.ACTIVE,
            vpc=network.vpc if network else None,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED) if network else None,
            security_groups=[network.functions_group] if network else None,
            environment={
                **variables,
                "POWERTOOLS_SERVICE_NAME": names.service,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
        )
        same_python = "Python 3.11 is the version that the tasks, the image and the tests share."
        acknowledge(self.function, "L1", same_python)
        acknowledge(self.function, "LambdaLatestVersion", same_python, pack="Serverless")
        acknowledge(
            self.function,
            "LambdaDLQ",
            "Whoever calls it waits for its answer and hears of a failure: Step Functions, API Gateway, "
            "CloudFormation, or the stream's reader, which has a failure queue.",
            pack="Serverless",
        )
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "X-Ray's Put actions and EC2's network-interface actions take no narrower resource; the latter are "
            "denied to the function's own code.",
        )
        acknowledge_grants(role)


def _let_lambda_attach_to_the_network(role: iam.Role, stack: cdk.Stack, function_name: str) -> None:
    """What Lambda needs to run a function in a VPC, and only Lambda: the function's code is refused the same calls.

    Source: Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC", which also shows
    the denial by `lambda:SourceFunctionArn`.
    """
    actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ]
    function_arn = stack.format_arn(
        service="lambda",
        resource="function",
        resource_name=function_name,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
    role.add_to_policy(
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=actions,
            resources=["*"],
            conditions={"ArnEquals": {"lambda:SourceFunctionArn": function_arn}},
        )
    )

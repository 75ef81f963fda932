"""Where code runs: a VPC without a way to the internet, whose only neighbours are AWS services."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.naming import Names
from infra.parts.log_group import log_group
from infra.parts.stored import Stored
from infra.settings import Settings
from infra.stacks.storage import StorageStack

#: Services that code in the subnets calls, beside S3 and DynamoDB, which have gateway endpoints, and the prefix of the
#: actions of each. KMS is not among them: S3 and DynamoDB call it on the caller's behalf, from their side. Nor are
#: Kinesis and SQS: Lambda reads the stream, and tells the failure queue, from its side.
INTERFACE_ENDPOINTS = {
    "Ssm": (ec2.InterfaceVpcEndpointAwsService.SSM, "ssm"),
    "Logs": (ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, "logs"),
    "XRay": (ec2.InterfaceVpcEndpointAwsService.XRAY, "xray"),
    # Fargate pulls the image of a job from inside the subnet of the job.
    "EcrApi": (ec2.InterfaceVpcEndpointAwsService.ECR, "ecr"),
    "EcrDocker": (ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER, "ecr"),
    "SageMakerRuntime": (ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME, "sagemaker"),
    # Deployments: what is served, the executions that change it, and how the variants do.
    "SageMakerApi": (ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_API, "sagemaker"),
    "StepFunctions": (ec2.InterfaceVpcEndpointAwsService.STEP_FUNCTIONS, "states"),
    "Metrics": (ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING, "cloudwatch"),
    # Jobs that score by the endpoint have their records preprocessed by a function.
    "Lambda": (ec2.InterfaceVpcEndpointAwsService.LAMBDA_, "lambda"),
}

_HTTPS = ec2.Port.tcp(443)
#: Ports that answers come back to (VPC user guide, "Ephemeral ports"): the range of Lambda, which includes Linux's own.
_ANSWERS = ec2.AclTraffic.tcp_port_range(1024, 65535)


class NetworkStack(cdk.Stack):
    """VPC, isolated subnets, endpoints, security groups and network ACLs.

    Attributes
    ----------
    vpc
        The VPC, with one isolated subnet in each zone.
    functions_group, jobs_group
        Security groups of Lambda functions and of Batch jobs: they reach the endpoints on port 443, and nothing
        reaches them.
    """

    def __init__(self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, **stack: Any) -> None:
        super().__init__(scope, names.stack("network"), **stack)
        self._names = names
        self._availability_zones = settings.availability_zones
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=names.of("ec2-vpc"),
            ip_addresses=ec2.IpAddresses.cidr(settings.vpc_cidr),
            availability_zones=settings.availability_zones,
            create_internet_gateway=False,
            nat_gateways=0,
            # The CDK would empty the default group by a custom resource; nothing here uses that group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=22)
            ],
        )
        for subnet in self.vpc.isolated_subnets:
            cdk.Validations.of(subnet).acknowledge(
                cdk.Acknowledgment(
                    id="CloudFormation-Validate::W3010",
                    reason="The zones are settings; to look them up, synthesis would need an account.",
                )
            )
        self._record_rejected_traffic(settings, storage)
        self._gateway_endpoints(storage)

        self.functions_group = self._group("functions", "Lambda functions")
        self.jobs_group = self._group("jobs", "Batch jobs")
        endpoints_group = self._group("endpoints", "Interface endpoints")
        prefix_lists = settings.prefix_lists[settings.region]
        for callers in (self.functions_group, self.jobs_group):
            callers.connections.allow_to(endpoints_group, _HTTPS, "Interface endpoints")
            callers.add_egress_rule(ec2.Peer.prefix_list(prefix_lists.s3), _HTTPS, "S3, by its gateway endpoint")
            callers.add_egress_rule(
                ec2.Peer.prefix_list(prefix_lists.dynamodb), _HTTPS, "DynamoDB, by its gateway endpoint"
            )
        self._interface_endpoints(endpoints_group)
        self._second_wall(settings.vpc_cidr)

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the settings. The CDK would look up those of the account, which needs access to it."""
        return self._availability_zones

    def _group(self, name: str, what: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self,
            f"{name.capitalize()}Group",
            vpc=self.vpc,
            security_group_name=self._names.of(f"ec2-{name}"),
            description=f"{what} of ml-pipeline, {self._names.environment}",
            allow_all_outbound=False,
        )

    def _second_wall(self, vpc_cidr: str) -> None:
        """Network ACLs: what the subnets let through even if a security group were opened by mistake.

        They keep no state, so each direction needs its rule, for questions and for answers. Traffic within a subnet and
        questions to Amazon's DNS do not pass them (VPC user guide, "Control subnet traffic with network access control
        lists"). What no rule allows is denied.
        """
        acl = ec2.NetworkAcl(
            self,
            "SecondWall",
            vpc=self.vpc,
            network_acl_name=self._names.of("ec2-acl"),
            subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        )
        https, here, anywhere = ec2.AclTraffic.tcp_port(443), ec2.AclCidr.ipv4(vpc_cidr), ec2.AclCidr.any_ipv4()
        out, into = ec2.TrafficDirection.EGRESS, ec2.TrafficDirection.INGRESS
        rules = {
            # From callers to interface endpoints, which may be in the other zone's subnet, and to S3 and DynamoDB. The
            # gateway endpoints of these stand for public addresses, and an ACL takes no prefix list; it is the routes
            # that lead nowhere else.
            "QuestionsOut": (100, out, https, anywhere),
            # Questions arrive at interface endpoints only, and come from these subnets only.
            "QuestionsIn": (100, into, https, here),
            # Answers of interface endpoints to callers in the other zone's subnet.
            "AnswersOut": (110, out, _ANSWERS, here),
            # Answers to callers: of interface endpoints, and of S3 and DynamoDB from their public addresses.
            "AnswersIn": (110, into, _ANSWERS, anywhere),
        }
        for name, (number, direction, traffic, addresses) in rules.items():
            acl.add_entry(name, rule_number=number, direction=direction, traffic=traffic, cidr=addresses)
        acknowledge(
            acl,
            "VPC3",
            "A second wall that keeps no state is wanted here; its four rules are explained where they are made.",
        )

    def _interface_endpoints(self, group: ec2.SecurityGroup) -> None:
        """One for each service, for callers of this account: foreign credentials are of no use in here.

        What a caller may do is in its role. Models are asked through one endpoint of SageMaker alone.
        """
        our_endpoint = self.format_arn(service="sagemaker", resource="endpoint", resource_name=self._names.endpoint)
        for name, (service, prefix) in INTERFACE_ENDPOINTS.items():
            invoking = name == "SageMakerRuntime"
            self.vpc.add_interface_endpoint(
                name, service=service, private_dns_enabled=True, open=False, security_groups=[group]
            ).add_to_policy(
                iam.PolicyStatement(
                    principals=[iam.AnyPrincipal()],
                    actions=["sagemaker:InvokeEndpoint" if invoking else f"{prefix}:*"],
                    resources=[our_endpoint if invoking else "*"],
                    conditions=self._callers_of_this_account,
                )
            )

    @property
    def _callers_of_this_account(self) -> dict[str, Any]:
        return {"StringEquals": {"aws:PrincipalAccount": self.account}}

    def _gateway_endpoints(self, storage: StorageStack) -> None:
        """S3 and DynamoDB, but only what is ours: stolen credentials cannot carry data to somebody else's bucket."""
        s3_endpoint = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        stored = Stored(self, self._names, storage)
        buckets = (stored.data, stored.models, stored.results)
        s3_endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=[
                    "s3:*Object",
                    "s3:*ObjectVersion",
                    "s3:ListBucket*",
                    "s3:GetBucketLocation",
                    "s3:*MultipartUpload*",
                ],
                resources=[arn for bucket in buckets for arn in (bucket.bucket_arn, bucket.arn_for_objects("*"))],
                conditions=self._callers_of_this_account,
            )
        )
        # ECR keeps the layers of images in a bucket of AWS and hands out signed links to them (Amazon ECR user guide,
        # "Amazon ECR interface VPC endpoints"), so the caller is not of this account.
        s3_endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject"],
                resources=[f"arn:{self.partition}:s3:::prod-{self.region}-starport-layer-bucket/*"],
            )
        )
        dynamodb_endpoint = self.vpc.add_gateway_endpoint("DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        dynamodb_endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["dynamodb:*Item", "dynamodb:Query", "dynamodb:DescribeTable"],
                resources=[stored.predictions.table_arn],
                conditions=self._callers_of_this_account,
            )
        )

    def _record_rejected_traffic(self, settings: Settings, storage: StorageStack) -> None:
        """Nothing here should ever be rejected: what is, is either a missing endpoint or an intruder."""
        group = log_group(
            self, "RejectedTraffic", f"/aws/vpc/{self._names.of('ec2-rejected')}", settings, storage.logs_key
        )
        role = iam.Role(
            self,
            "FlowLogRole",
            role_name=self._names.role("flow-log"),
            assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"),
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

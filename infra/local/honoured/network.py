"""VPC: everything is a record, for there are no packets to filter on 127.0.0.1."""

from infra.local.honoured.rules import Honoured

NOTHING_FILTERED = "nothing is filtered"
NO_ROUTES = "nothing is routed: every process sees 127.0.0.1"
NO_NAMES = "names are not resolved through the VPC"

TYPES = {
    "AWS::EC2::FlowLog": Honoured(
        works=("Tags",),
        recorded={
            "there are no packets to log, and `Describe` does not show it": ("DeliverLogsPermissionArn",),
            "there are no packets to log": (
                "LogDestinationType",
                "LogGroupName",
                "ResourceId",
                "ResourceType",
                "TrafficType",
            ),
        },
    ),
    "AWS::EC2::NetworkAcl": Honoured(works=("Tags", "VpcId")),
    "AWS::EC2::NetworkAclEntry": Honoured(
        works=("NetworkAclId", "RuleNumber"),
        recorded={NOTHING_FILTERED: ("CidrBlock", "Egress", "PortRange", "Protocol", "RuleAction")},
    ),
    "AWS::EC2::RouteTable": Honoured(works=("Tags", "VpcId")),
    "AWS::EC2::SecurityGroup": Honoured(
        works=("GroupDescription", "GroupName", "Tags", "VpcId"),
        recorded={NOTHING_FILTERED: ("SecurityGroupEgress",)},
    ),
    "AWS::EC2::SecurityGroupEgress": Honoured(
        works=("Description", "GroupId"),
        recorded={
            NOTHING_FILTERED: (
                "DestinationPrefixListId",
                "DestinationSecurityGroupId",
                "FromPort",
                "IpProtocol",
                "ToPort",
            )
        },
    ),
    "AWS::EC2::SecurityGroupIngress": Honoured(
        works=("Description", "GroupId"),
        recorded={NOTHING_FILTERED: ("FromPort", "IpProtocol", "SourceSecurityGroupId", "ToPort")},
    ),
    "AWS::EC2::Subnet": Honoured(
        works=("AvailabilityZone", "CidrBlock", "Tags", "VpcId"),
        recorded={NO_ROUTES: ("MapPublicIpOnLaunch",)},
    ),
    "AWS::EC2::SubnetNetworkAclAssociation": Honoured(recorded={NOTHING_FILTERED: ("NetworkAclId", "SubnetId")}),
    "AWS::EC2::SubnetRouteTableAssociation": Honoured(recorded={NO_ROUTES: ("RouteTableId", "SubnetId")}),
    "AWS::EC2::VPC": Honoured(
        works=("CidrBlock", "Tags"),
        recorded={NO_NAMES: ("EnableDnsHostnames", "EnableDnsSupport"), NO_ROUTES: ("InstanceTenancy",)},
    ),
    "AWS::EC2::VPCEndpoint": Honoured(
        works=("ServiceName", "Tags", "VpcEndpointType", "VpcId"),
        recorded={
            NO_NAMES: ("PrivateDnsEnabled",),
            NO_ROUTES: ("RouteTableIds", "SubnetIds"),
            "calls do not pass through it, so its policy is not asked": ("PolicyDocument",),
            NOTHING_FILTERED: ("SecurityGroupIds",),
        },
    ),
}

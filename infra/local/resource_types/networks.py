"""``AWS::EC2::*`` types of a private network that the emulator's CloudFormation lacks, as plain records."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Networks, Resource, ResourceRequest, ResourceType
from infra.local.resource_types.values import boolean, integer, present

RULE_PROPERTIES = frozenset(
    {
        "CidrIp",
        "CidrIpv6",
        "Description",
        "DestinationPrefixListId",
        "DestinationSecurityGroupId",
        "FromPort",
        "GroupId",
        "IpProtocol",
        "SourcePrefixListId",
        "SourceSecurityGroupId",
        "SourceSecurityGroupOwnerId",
        "ToPort",
    }
)


class NetworkTypes:
    """Network ACLs, their entries and associations, and rules of security groups.

    Nothing filters packets on 127.0.0.1: the records serve ``Describe*`` calls.
    """

    def __init__(self, clients: Clients, networks: Networks) -> None:
        self._clients = clients
        self._networks = networks

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::EC2::NetworkAcl": ResourceType(
                create=self._create_acl,
                update=self._update_acl,
                delete=lambda request: self._ec2(request).delete_network_acl(NetworkAclId=request.physical_id),
                properties=frozenset({"Tags", "VpcId"}),
            ),
            "AWS::EC2::NetworkAclEntry": ResourceType(
                create=self._put_entry,
                update=self._put_entry,
                delete=lambda request: self._networks.remove_entry(*_entry_key(request.properties)),
                properties=frozenset(
                    {
                        "CidrBlock",
                        "Egress",
                        "Icmp",
                        "Ipv6CidrBlock",
                        "NetworkAclId",
                        "PortRange",
                        "Protocol",
                        "RuleAction",
                        "RuleNumber",
                    }
                ),
            ),
            "AWS::EC2::SubnetNetworkAclAssociation": ResourceType(
                create=self._associate,
                update=self._associate,
                delete=lambda request: self._networks.restore_default(request.properties["SubnetId"]),
                properties=frozenset({"NetworkAclId", "SubnetId"}),
            ),
            "AWS::EC2::SecurityGroupIngress": self._rule_type("ingress"),
            "AWS::EC2::SecurityGroupEgress": self._rule_type("egress"),
        }

    def add_vpc_attributes(
        self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]
    ) -> Resource:
        """Let the emulator make the VPC and add the attributes that ``Fn::GetAtt`` misses."""
        made = emulators(request)
        found = self._ec2(request).describe_vpcs(VpcIds=[made.physical_id])["Vpcs"][0]
        return Resource(made.physical_id, {"CidrBlock": found["CidrBlock"], "Ipv6CidrBlocks": [], **made.attributes})

    def _create_acl(self, request: ResourceRequest) -> Resource:
        tags = request.properties.get("Tags")
        made = self._ec2(request).create_network_acl(
            VpcId=request.properties["VpcId"],
            **({"TagSpecifications": [{"ResourceType": "network-acl", "Tags": tags}]} if tags else {}),
        )
        acl = made["NetworkAcl"]["NetworkAclId"]
        return Resource(acl, {"Id": acl})

    def _update_acl(self, request: ResourceRequest) -> Resource:
        if request.changed("VpcId"):
            return self._create_acl(request)
        if request.properties.get("Tags"):
            self._ec2(request).create_tags(Resources=[request.physical_id], Tags=request.properties["Tags"])
        return Resource(request.physical_id, {"Id": request.physical_id})

    def _put_entry(self, request: ResourceRequest) -> Resource:
        properties = request.properties
        acl, number, egress = _entry_key(properties)
        ports = properties.get("PortRange")
        icmp = properties.get("Icmp")
        self._networks.put_entry(
            acl,
            present(
                RuleNumber=number,
                Egress=egress,
                Protocol=str(properties["Protocol"]),
                RuleAction=properties["RuleAction"],
                CidrBlock=properties.get("CidrBlock"),
                Ipv6CidrBlock=properties.get("Ipv6CidrBlock"),
                PortRange={name: integer(port) for name, port in ports.items()} if ports else None,
                IcmpTypeCode={name: integer(code) for name, code in icmp.items()} if icmp else None,
            ),
        )
        identity = f"{acl}|{'egress' if egress else 'ingress'}|{number}"
        return Resource(identity, {"Id": identity})

    def _associate(self, request: ResourceRequest) -> Resource:
        association = self._networks.associate(request.properties["SubnetId"], request.properties["NetworkAclId"])
        return Resource(association, {"AssociationId": association})

    def _rule_type(self, direction: str) -> ResourceType:
        def authorize(request: ResourceRequest) -> Resource:
            permission = {
                "GroupId": request.properties["GroupId"],
                "IpPermissions": [_permission(request.properties)],
            }
            made = getattr(self._ec2(request), f"authorize_security_group_{direction}")(**permission)
            rules = made.get("SecurityGroupRules") or [{"SecurityGroupRuleId": f"sgr-{request.logical_id}"}]
            rule = rules[0]["SecurityGroupRuleId"]
            return Resource(rule, {"Id": rule})

        def revoke(request: ResourceRequest) -> None:
            permission = {
                "GroupId": request.properties["GroupId"],
                "IpPermissions": [_permission(request.properties)],
            }
            getattr(self._ec2(request), f"revoke_security_group_{direction}")(**permission)

        return ResourceType(create=authorize, update=authorize, delete=revoke, properties=RULE_PROPERTIES)

    def _ec2(self, request: ResourceRequest) -> Any:
        return self._clients.root("ec2", request.account, request.region)


def _entry_key(properties: Mapping[str, Any]) -> tuple[str, int, bool]:
    return properties["NetworkAclId"], integer(properties["RuleNumber"]), boolean(properties.get("Egress", "false"))


def _permission(properties: Mapping[str, Any]) -> dict[str, Any]:
    description = present(Description=properties.get("Description"))
    group = properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId")
    prefix_list = properties.get("SourcePrefixListId") or properties.get("DestinationPrefixListId")
    return present(
        IpProtocol=str(properties["IpProtocol"]),
        FromPort=integer(properties["FromPort"]) if "FromPort" in properties else None,
        ToPort=integer(properties["ToPort"]) if "ToPort" in properties else None,
        IpRanges=[{"CidrIp": properties["CidrIp"], **description}] if "CidrIp" in properties else None,
        Ipv6Ranges=[{"CidrIpv6": properties["CidrIpv6"], **description}] if "CidrIpv6" in properties else None,
        UserIdGroupPairs=[{"GroupId": group, **description}] if group else None,
        PrefixListIds=[{"PrefixListId": prefix_list, **description}] if prefix_list else None,
    )

"""The emulator's records of network access control lists, whose API loses subnets and ports."""

import json
import secrets
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "services.ec2": (
        "_network_acl_entry_xml",
        "_network_acls",
        "_p",
        "_parse_ip_permissions",
        "_subnets",
        "_vpce_fields_xml",
    ),
}


class Networks:
    """Network ACLs as ``DescribeNetworkAcls`` shows them, in the scope in force (`Services.scope`)."""

    def __init__(self) -> None:
        self._ec2 = module("services.ec2")
        entry_xml = self._ec2._network_acl_entry_xml
        # Symptom: DescribeNetworkAcls does not show the ports of an entry.
        rebind(entry_xml, lambda entry: entry_xml(entry).replace("</item>", f"{_ports_xml(entry)}</item>"))
        # Symptom: DescribeVpcEndpoints does not show policy, private names and security groups of an endpoint.
        endpoint_xml = self._ec2._vpce_fields_xml

        def whole_endpoint_xml(endpoint: Mapping[str, Any], tag: str = "item") -> str:
            text, end, _ = endpoint_xml(endpoint, tag).rpartition(f"</{tag}>")
            return f"{text}{_endpoint_xml(endpoint)}{end}"

        rebind(endpoint_xml, whole_endpoint_xml)
        self._read_prefix_lists()

    def put_entry(self, acl: str, entry: Mapping[str, Any]) -> None:
        """Add an entry or replace that of the same number and direction.

        Symptom: ``CreateNetworkAclEntry`` drops PortRange and IcmpTypeCode.

        Parameters
        ----------
        entry
            Members as ``DescribeNetworkAcls`` returns them.

        Raises
        ------
        ValueError
            If there is no such ACL.
        """
        self.remove_entry(acl, entry["RuleNumber"], entry["Egress"])
        self._record(acl)["Entries"].append(dict(entry))

    def remove_entry(self, acl: str, number: int, egress: bool) -> None:
        """Remove an entry if it is there."""
        record = self._record(acl)
        record["Entries"] = [
            entry for entry in record["Entries"] if (entry["RuleNumber"], entry["Egress"]) != (number, egress)
        ]

    def associate(self, subnet: str, acl: str) -> str:
        """Put a subnet behind an ACL, away from the one before; return the association's id.

        Symptom: ``ReplaceNetworkAclAssociation`` forgets the subnet.
        """
        target = self._record(acl)
        for record in self._ec2._network_acls.values():
            record["Associations"] = [link for link in record["Associations"] if link["SubnetId"] != subnet]
        association = f"aclassoc-{secrets.token_hex(8)}0"
        target["Associations"].append({"NetworkAclAssociationId": association, "SubnetId": subnet})
        return association

    def restore_default(self, subnet: str) -> None:
        """Put a subnet behind its VPC's default ACL; nothing to do when the subnet is gone."""
        record = self._ec2._subnets.get(subnet)
        for acl, candidate in list(self._ec2._network_acls.items()):
            if record and candidate["IsDefault"] and candidate["VpcId"] == record["VpcId"]:
                self.associate(subnet, acl)

    def _read_prefix_lists(self) -> None:
        # Symptom: a rule of a security group loses the prefix list that it is about.
        parse, member = self._ec2._parse_ip_permissions, self._ec2._p

        def parse_with_prefix_lists(params: Any, prefix: str) -> list[dict[str, Any]]:
            rules: list[dict[str, Any]] = parse(params, prefix)
            for number, rule in enumerate(rules, 1):
                listed = f"{prefix}.{number}.PrefixListIds.1"
                if identity := member(params, f"{listed}.PrefixListId"):
                    described = {"Description": member(params, f"{listed}.Description")}
                    rule["PrefixListIds"] = [
                        {"PrefixListId": identity, **{name: text for name, text in described.items() if text}}
                    ]
            return rules

        rebind(parse, parse_with_prefix_lists)

    def _record(self, acl: str) -> dict[str, Any]:
        record: dict[str, Any] | None = self._ec2._network_acls.get(acl)
        if record is None:
            raise ValueError(f"The network ACL '{acl}' does not exist")
        return record


def _ports_xml(entry: Mapping[str, Any]) -> str:
    ports, icmp = entry.get("PortRange"), entry.get("IcmpTypeCode")
    xml = f"<portRange><from>{ports['From']}</from><to>{ports['To']}</to></portRange>" if ports else ""
    return xml + (
        f"<icmpTypeCode><code>{icmp['Code']}</code><type>{icmp['Type']}</type></icmpTypeCode>" if icmp else ""
    )


def _endpoint_xml(endpoint: Mapping[str, Any]) -> str:
    groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in endpoint.get("SecurityGroupIds") or [])
    policy = endpoint.get("PolicyDocument") or ""
    text = escape(policy if isinstance(policy, str) else json.dumps(policy))
    private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
    return (
        f"<groupSet>{groups}</groupSet><policyDocument>{text}</policyDocument>"
        f"<privateDnsEnabled>{private}</privateDnsEnabled>"
    )

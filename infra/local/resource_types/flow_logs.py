"""``AWS::EC2::FlowLog`` as a plain record: no packets cross a VPC on 127.0.0.1, so there are none to log."""

from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.resource_types.values import integer, present


class FlowLogs:
    """Flow logs, which serve ``DescribeFlowLogs``."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::EC2::FlowLog": ResourceType(
                create=self._create,
                # Every property but the tags needs a new flow log (CloudFormation reference, "AWS::EC2::FlowLog").
                update=self._update,
                delete=lambda request: self._ec2(request).delete_flow_logs(FlowLogIds=[request.physical_id]),
                properties=frozenset(
                    {
                        "DeliverLogsPermissionArn",
                        "LogDestination",
                        "LogDestinationType",
                        "LogFormat",
                        "LogGroupName",
                        "MaxAggregationInterval",
                        "ResourceId",
                        "ResourceType",
                        "Tags",
                        "TrafficType",
                    }
                ),
            )
        }

    def _create(self, request: ResourceRequest) -> Resource:
        asked = request.properties
        interval, tags = asked.get("MaxAggregationInterval"), asked.get("Tags")
        made = self._ec2(request).create_flow_logs(
            ResourceIds=[asked["ResourceId"]],
            ResourceType=asked["ResourceType"],
            **present(
                DeliverLogsPermissionArn=asked.get("DeliverLogsPermissionArn"),
                LogDestination=asked.get("LogDestination"),
                LogDestinationType=asked.get("LogDestinationType"),
                LogFormat=asked.get("LogFormat"),
                LogGroupName=asked.get("LogGroupName"),
                MaxAggregationInterval=integer(interval) if interval else None,
                TrafficType=asked.get("TrafficType"),
            ),
        )
        (flow_log,) = made["FlowLogIds"]
        if tags:  # as part of the call above they are dropped
            self._ec2(request).create_tags(Resources=[flow_log], Tags=tags)
        return Resource(flow_log, {"Id": flow_log})

    def _update(self, request: ResourceRequest) -> Resource:
        if request.changed(*(request.properties.keys() | request.previous.keys()) - {"Tags"}):
            return self._create(request)
        if request.properties.get("Tags"):
            self._ec2(request).create_tags(Resources=[request.physical_id], Tags=request.properties["Tags"])
        return Resource(request.physical_id, {"Id": request.physical_id})

    def _ec2(self, request: ResourceRequest) -> Any:
        return self._clients.root("ec2", request.account, request.region)

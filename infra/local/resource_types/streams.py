"""``AWS::Kinesis::Stream`` and ``AWS::Lambda::EventSourceMapping``: what the emulator's CloudFormation drops."""

from collections.abc import Callable
from typing import Any

from infra.local import service_model
from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.errors import UnsupportedPropertyError

STREAM = "AWS::Kinesis::Stream"
MAPPING = "AWS::Lambda::EventSourceMapping"
READING = ("kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards")
"""What a role needs before Lambda reads a stream for its function (Lambda developer guide, "Using Lambda to process
records from Amazon Kinesis Data Streams")."""

FIXED = ("EventSourceArn", "StartingPosition", "StartingPositionTimestamp")
"""A mapping that changes one of these is replaced (CloudFormation template reference)."""


Denial = Callable[[str, str, str, str], str | None]
"""Role, action, resource and region -> why Lambda, as the role, may not do it; ``None`` when it may."""


class StreamTypes:
    """Streams and their readers.

    Parameters
    ----------
    denial
        Asks the roles of functions, which the emulator does not when it reads a stream.
    """

    def __init__(self, clients: Clients, denial: Denial) -> None:
        self._clients = clients
        self._denial = denial

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            # Symptom: the emulator reads a function that is not there, and forgets tags.
            MAPPING: ResourceType(
                create=self._create_mapping,
                update=self._update_mapping,
                delete=lambda request: self._lambda(request).delete_event_source_mapping(UUID=request.physical_id),
                properties=service_model.known_members("lambda", "CreateEventSourceMapping"),
            )
        }

    def provision_stream(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the stream, then give it its key.

        Raises
        ------
        ValueError
            If there is a stream of the name. Symptom: the emulator replaces it, with the records in it.
        UnsupportedPropertyError
            If the number of shards changes. Symptom: the emulator drops their records.
        """
        kinesis = self._clients.root("kinesis", request.account, request.region)
        name = request.name("Name")
        if not request.physical_id and name in kinesis.list_streams()["StreamNames"]:
            raise ValueError(f"{STREAM} with identifier {name} already exists.")
        if request.physical_id and request.changed("ShardCount"):
            raise UnsupportedPropertyError(STREAM, ["a change of ShardCount"])
        made = emulators(request)
        stream = {"StreamName": made.physical_id}
        if request.changed("StreamEncryption"):
            before, wanted = request.previous.get("StreamEncryption"), request.properties.get("StreamEncryption")
            if before:
                kinesis.stop_stream_encryption(**stream, **before)
            if wanted:
                kinesis.start_stream_encryption(**stream, **wanted)
        return made

    def _create_mapping(self, request: ResourceRequest) -> Resource:
        self._ask_role(request)
        properties = {name: value for name, value in request.properties.items() if name != "Tags"}
        made = self._lambda(request).create_event_source_mapping(
            **service_model.from_template("lambda", "CreateEventSourceMapping", properties)
        )
        mapping = _mapping(request, made["UUID"])
        self._tag(request, mapping)
        return mapping

    def _update_mapping(self, request: ResourceRequest) -> Resource:
        if request.changed(*FIXED):
            return self._create_mapping(request)
        known = service_model.known_members("lambda", "UpdateEventSourceMapping")
        properties = {name: value for name, value in request.properties.items() if name in known}
        self._lambda(request).update_event_source_mapping(
            UUID=request.physical_id,
            **service_model.from_template("lambda", "UpdateEventSourceMapping", properties),
        )
        mapping = _mapping(request, request.physical_id)
        self._tag(request, mapping)
        return mapping

    def _ask_role(self, request: ResourceRequest) -> None:
        stream = str(request.properties["EventSourceArn"])
        if ":kinesis:" not in stream:
            raise UnsupportedPropertyError(MAPPING, ["EventSourceArn other than of a Kinesis stream"])
        name = str(request.properties["FunctionName"])
        role = self._lambda(request).get_function_configuration(FunctionName=name)["Role"]
        for action in READING:
            denial = self._denial(role, action, stream, request.region)
            if denial:
                raise ValueError(f"the role of {name} cannot read {stream}: {denial}")

    def _tag(self, request: ResourceRequest, mapping: Resource) -> None:
        tags = {tag["Key"]: tag["Value"] for tag in request.properties.get("Tags") or []}
        before = {tag["Key"] for tag in request.previous.get("Tags") or []}
        arn = mapping.attributes["EventSourceMappingArn"]
        if before - tags.keys():
            self._lambda(request).untag_resource(Resource=arn, TagKeys=sorted(before - tags.keys()))
        if tags:
            self._lambda(request).tag_resource(Resource=arn, Tags=tags)

    def _lambda(self, request: ResourceRequest) -> Any:
        return self._clients.root("lambda", request.account, request.region)


def _mapping(request: ResourceRequest, identity: str) -> Resource:
    arn = f"arn:aws:lambda:{request.region}:{request.account}:event-source-mapping:{identity}"
    return Resource(identity, {"EventSourceMappingArn": arn, "Id": identity})

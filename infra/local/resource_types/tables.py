"""``AWS::DynamoDB::Table``: time to live, point-in-time recovery, encryption, and no overwriting."""

from collections.abc import Callable
from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest
from infra.local.resource_types.values import boolean, integer, present


class Tables:
    """Carries the dropped properties through DynamoDB's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def provision(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the table, then set what it left out.

        Raises
        ------
        UnsupportedPropertyError
            See there.
        ValueError
            If a table of the name exists already. Symptom: the emulator replaces it, with the items of a table
            that was retained when its stack was deleted.
        """
        dynamodb = self._clients.root("dynamodb", request.account, request.region)
        name = request.name("TableName", 255)
        if not request.physical_id and _exists(dynamodb, name):
            raise ValueError(f"{request.type} with identifier {name} already exists.")
        made = emulators(request)
        self._set_time_to_live(dynamodb, made.physical_id, request)
        if "PointInTimeRecoverySpecification" in request.properties or request.previous:
            specification = request.properties.get("PointInTimeRecoverySpecification") or {}
            dynamodb.update_continuous_backups(
                TableName=made.physical_id,
                PointInTimeRecoverySpecification=present(
                    PointInTimeRecoveryEnabled=boolean(specification.get("PointInTimeRecoveryEnabled", "false")),
                    RecoveryPeriodInDays=(
                        integer(specification["RecoveryPeriodInDays"])
                        if "RecoveryPeriodInDays" in specification
                        else None
                    ),
                ),
            )
        if "SSESpecification" in request.properties and request.changed("SSESpecification"):
            specification = request.properties["SSESpecification"]
            dynamodb.update_table(
                TableName=made.physical_id,
                SSESpecification=present(
                    Enabled=boolean(specification["SSEEnabled"]),
                    SSEType=specification.get("SSEType"),
                    KMSMasterKeyId=specification.get("KMSMasterKeyId"),
                ),
            )
        return made

    def _set_time_to_live(self, dynamodb: Any, table: str, request: ResourceRequest) -> None:
        if not request.changed("TimeToLiveSpecification"):
            return
        before = request.previous.get("TimeToLiveSpecification")
        wanted = request.properties.get("TimeToLiveSpecification")
        if before and boolean(before["Enabled"]):
            off = {"Enabled": False, "AttributeName": before["AttributeName"]}
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=off)
        if wanted and boolean(wanted["Enabled"]):
            on = {"Enabled": True, "AttributeName": wanted["AttributeName"]}
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=on)


def _exists(dynamodb: Any, name: str) -> bool:
    try:
        dynamodb.describe_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        return False
    return True

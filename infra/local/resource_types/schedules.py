"""``AWS::Scheduler::Schedule`` through Scheduler's own API, and nothing that the emulator would start otherwise."""

import contextlib
from typing import Any

from infra.local import service_model
from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.errors import UnsupportedPropertyError

UTC = frozenset({"UTC", "Etc/UTC"})


class ScheduleTypes:
    """Schedules that start executions.

    Symptom: the emulator drops time zone, dates, key and what follows completion, and overlooks that a schedule of the
    name is there already.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::Scheduler::Schedule": ResourceType(
                create=self._create,
                update=self._update,
                delete=self._delete,
                properties=service_model.known_members("scheduler", "CreateSchedule"),
            )
        }

    def _create(self, request: ResourceRequest) -> Resource:
        made = self._scheduler(request).create_schedule(**_members(request))
        return Resource(request.name("Name", 64), {"Arn": made["ScheduleArn"]})

    def _update(self, request: ResourceRequest) -> Resource:
        if request.changed("GroupName", "Name"):
            return self._create(request)
        made = self._scheduler(request).update_schedule(**_members(request))
        return Resource(request.physical_id, {"Arn": made["ScheduleArn"]})

    def _delete(self, request: ResourceRequest) -> None:
        scheduler = self._scheduler(request)
        with contextlib.suppress(scheduler.exceptions.ResourceNotFoundException):  # its group may be gone, with it
            scheduler.delete_schedule(
                Name=request.physical_id, GroupName=request.properties.get("GroupName", "default")
            )

    def _scheduler(self, request: ResourceRequest) -> Any:
        return self._clients.root("scheduler", request.account, request.region)


def _members(request: ResourceRequest) -> dict[str, Any]:
    """Return the members of ``CreateSchedule`` and ``UpdateSchedule``.

    Raises
    ------
    UnsupportedPropertyError
        For a clock other than UTC's, and targets other than state machines: the emulator would start these at another
        time, or as nobody.
    """
    refused = []
    if request.properties.get("ScheduleExpressionTimezone", "UTC") not in UTC:
        refused.append("ScheduleExpressionTimezone other than UTC")
    if ":states:" not in request.properties["Target"]["Arn"]:
        refused.append("Target.Arn other than of a state machine")
    if refused:
        raise UnsupportedPropertyError(request.type, refused)
    properties = {**request.properties, "Name": request.physical_id or request.name("Name", 64)}
    return service_model.from_template("scheduler", "CreateSchedule", properties)

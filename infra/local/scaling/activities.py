"""Scaling activities of one account and region, as DescribeScalingActivities shows them.

Facts: Application Auto Scaling API reference, "ScalingActivity"; user guide, "Scaling activities for Application Auto
Scaling". AWS shows those of six weeks, here it is the latest `MOST`.
"""

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from infra.local.scaling.targets import DIMENSION, NAMESPACE, Record

MOST = 200

IN_PROGRESS = "InProgress"


@dataclass
class Activity:
    """A change of a variant's number of instances.

    Attributes
    ----------
    record
        As the API shows it.
    before, wanted
        Numbers of instances.
    """

    record: Record
    before: int
    wanted: int

    @property
    def resource(self) -> str:
        """The variant's resource id."""
        resource: str = self.record["ResourceId"]
        return resource

    def end(self, status: str, message: str, now: float) -> None:
        """Note how it ended: ``Successful`` or ``Failed``."""
        self.record |= {"StatusCode": status, "StatusMessage": message, "EndTime": now}


class Activities:
    """The latest activities.

    Attributes
    ----------
    all
        The latest first.
    """

    def __init__(self) -> None:
        self.all: list[Activity] = []

    def begin(self, resource: str, before: int, wanted: int, cause: str, now: float) -> Activity:
        """Note that a variant is being scaled.

        Parameters
        ----------
        now
            Epoch seconds.
        """
        record = {
            "ActivityId": str(uuid.uuid4()),
            "ServiceNamespace": NAMESPACE,
            "ResourceId": resource,
            "ScalableDimension": DIMENSION,
            "Description": f"Setting desired instance count to {wanted}.",
            "Cause": cause,
            "StartTime": now,
            "StatusCode": IN_PROGRESS,
            "StatusMessage": (
                f"Successfully set desired instance count to {wanted}. Waiting for change to be fulfilled by sagemaker."
            ),
        }
        activity = Activity(record, before, wanted)
        self.all = [activity, *self.all[: MOST - 1]]
        return activity

    def in_progress(self) -> list[Activity]:
        """Return the activities that have not ended."""
        return [activity for activity in self.all if activity.record["StatusCode"] == IN_PROGRESS]

    def describe(self, request: Record) -> list[Record]:
        """Return the records that a request asks for."""
        return [a.record for a in self.all if a.resource == request.get("ResourceId", a.resource)]

    def saved(self) -> list[dict[str, Any]]:
        """Return what survives a restart."""
        return [asdict(activity) for activity in self.all]

    def load(self, saved: list[dict[str, Any]]) -> None:
        """Take over what `saved` returned."""
        self.all = [Activity(**activity) for activity in saved]

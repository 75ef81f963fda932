"""Tags: put, taken away, listed."""

from __future__ import annotations

from typing import Any

from infra.local.step_functions.actions.caller import Caller
from infra.local.step_functions.activities import Activities
from infra.local.step_functions.errors import missing_resource
from infra.local.step_functions.machines import Machines
from infra.local.step_functions.tags import Tags, checked


class TagActions:
    """Operations on tags. State machines and activities have tags; versions, aliases and executions have none."""

    def __init__(self, tags: Tags, machines: Machines, activities: Activities) -> None:
        self._tags = tags
        self._machines = machines
        self._activities = activities

    def tag(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Answer TagResource."""
        arn = self._existing(request)
        self._tags.put(arn, checked(request["tags"], arn, system=caller.of_aws))
        return {}

    def untag(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer UntagResource."""
        self._tags.remove(self._existing(request), request["tagKeys"])
        return {}

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListTagsForResource."""
        return {"tags": self._tags.of(self._existing(request))}

    def _existing(self, request: dict[str, Any]) -> str:
        arn: str = request["resourceArn"]
        if self._machines.record(arn) is None and not self._activities.knows(arn):
            raise missing_resource(arn)
        return arn

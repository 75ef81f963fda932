"""The emulator's Step Functions records, and the place through which other services start executions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "services.stepfunctions": (
        "_executions",
        "_map_runs",
        "_resolve_state_machine_arn",
        "_start_execution",
        "_state_machine_aliases",
        "_state_machine_versions",
        "_state_machines",
        "_tags",
    ),
    "services.eventbridge": ("_put_events",),
}


@dataclass(frozen=True)
class StateMachineRecords:
    """Live records of the emulator, each scoped to the account and region in force (`Services.scope`).

    Attributes
    ----------
    machines, versions, aliases, executions, map_runs
        ARN -> record, with the members that the service's Describe calls return.
    tags
        ARN of a state machine or an activity -> list of tags.
    """

    machines: Any
    versions: Any
    aliases: Any
    executions: Any
    map_runs: Any
    tags: Any


class StateMachines:
    """The emulator's Step Functions, open to a service of ours."""

    def __init__(self) -> None:
        self._service = module("services.stepfunctions")
        self._events = module("services.eventbridge")
        self.records = StateMachineRecords(
            machines=self._service._state_machines,
            versions=self._service._state_machine_versions,
            aliases=self._service._state_machine_aliases,
            executions=self._service._executions,
            map_runs=self._service._map_runs,
            tags=self._service._tags,
        )

    def resolve(self, arn: str) -> str | None:
        """Return the state machine's own ARN for that of a machine, version or alias; ``None`` if unknown."""
        found: str | None = self._service._resolve_state_machine_arn(arn)
        return found

    def start_with(self, start: Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]) -> None:
        """Let `start` take the executions that other services start (EventBridge rules, pipes, the scheduler).

        It receives StartExecution's request members and returns status, headers and body.
        """
        rebind(self._service._start_execution, start)

    def announce(self, detail_type: str, detail: str, resource_arn: str) -> None:
        """Put an ``aws.states`` event on the default bus of the scope, e.g. "Step Functions Execution Status Change".

        Parameters
        ----------
        detail
            JSON text.
        """
        entry = {"Source": "aws.states", "DetailType": detail_type, "Detail": detail, "Resources": [resource_arn]}
        self._events._put_events({"Entries": [entry]}, allow_aws_source=True)

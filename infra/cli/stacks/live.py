"""The version of a workflow that its alias points to, which is the one that callers start."""

import json
from dataclasses import dataclass
from difflib import unified_diff

from infra.cli.stacks.planned import STATE_MACHINE, stack_resources
from infra.cli.terminal.target import Target
from infra.naming import ALIAS


@dataclass(frozen=True)
class Version:
    """A published version of a state machine.

    Parameters
    ----------
    arn
        ARN, which ends with the version's number.
    definition
        ASL of that version.
    """

    arn: str
    definition: str

    @property
    def number(self) -> int:
        """1, 2, 3 …, in the order of publication."""
        return int(self.arn.rpartition(":")[2])


def live_version(target: Target, workflow: str) -> Version | None:
    """Look up which version the alias `live` points to; None if the workflow is not deployed.

    Where it splits the starts between two, the one that gets more of them counts.
    """
    states = target.client("stepfunctions")
    alias = f"{target.state_machine_arn(workflow)}:{ALIAS}"
    try:
        routes = states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
        arn = max(routes, key=lambda route: route["weight"])["stateMachineVersionArn"]
        return Version(arn, states.describe_state_machine(stateMachineArn=arn)["definition"])
    except (states.exceptions.ResourceNotFound, states.exceptions.StateMachineDoesNotExist):
        return None


def point_to_deployed(target: Target, workflow: str) -> None:
    """Move the alias `live` to the version that the workflows' stack published last.

    CloudFormation does not look whether the alias was moved by hand; where nothing else changed, it leaves it there.
    """
    machine = target.state_machine_arn(workflow)
    for resource in stack_resources(target, target.names.stack("workflows")):
        arn = resource.get("PhysicalResourceId", "")
        if resource["ResourceType"] == f"{STATE_MACHINE}Version" and arn.startswith(f"{machine}:"):
            target.client("stepfunctions").update_state_machine_alias(
                stateMachineAliasArn=f"{machine}:{ALIAS}",
                routingConfiguration=[{"stateMachineVersionArn": arn, "weight": 100}],
            )


def difference(before: str, after: str, before_name: str, after_name: str) -> list[str]:
    """Compare two definitions as pretty JSON.

    Returns
    -------
    Lines of a unified diff; none, if the definitions mean the same.
    """
    old, new = (json.loads(text) if text else None for text in (before, after))
    if old == new:
        return []
    old_lines, new_lines = (json.dumps(each, indent=2).splitlines() if each is not None else [] for each in (old, new))
    return list(unified_diff(old_lines, new_lines, before_name, after_name, lineterm=""))

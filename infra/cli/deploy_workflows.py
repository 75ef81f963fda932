"""`ml-pipeline deploy-workflows`: the workflows alone, checked, compared, and behind the same alias."""

import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.cli.executions import known_workflows
from infra.cli.stacks.cdk import Cdk
from infra.cli.stacks.definitions import check_fresh, check_valid
from infra.cli.stacks.live import Version, difference, live_version, point_to_deployed
from infra.cli.stacks.planned import Planned, Surroundings, planned
from infra.cli.stacks.readiness import is_deployed, read_settings
from infra.cli.stacks.stack_times import StackTimes
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import CommandError, UnavailableError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import Target, Where, find_target
from infra.cli.terminal.units import seconds_text
from infra.naming import ALIAS

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_EVERYTHING_FIRST = "Deploy everything first: `ml-pipeline deploy`."


@dataclass(frozen=True)
class Change:
    """What a deployment means for one workflow.

    Parameters
    ----------
    workflow
        Its name.
    before
        The version that the alias points to; None if there is none yet.
    plan
        What is to be deployed.
    lines
        How the two differ; empty if they do not.
    """

    workflow: str
    before: Version | None
    plan: Planned
    lines: list[str]


def deploy_workflows(
    as_json: options.AsJson = False, environment: options.Environment = "dev", where: options.Where = Where.LOCAL
) -> None:
    """Deploy the workflows and nothing else, and move their alias to the new version.

    Checks that the rendered definitions are fresh and that statelint and asl-validator find nothing, shows how they
    differ from those that the alias points to, and deploys the stack of the workflows alone. Executions that run keep
    their version; the next start, by a schedule too, gets the new one. Where nothing changed, that is no failure.

    [bold]Examples[/]

      ml-pipeline deploy-workflows
      ml-pipeline deploy-workflows --json
      AWS_REGION=us-east-1 ml-pipeline deploy-workflows --target aws --environment prod
    """
    target = find_target(where, environment)
    read_settings(target)
    console = human_console(as_json=as_json)
    began = time.monotonic()
    console.print("Checking the definitions…")
    check_fresh()
    check_valid()
    times = StackTimes(console)
    stack = target.names.stack("workflows")
    with Children() as children:
        cdk = Cdk(target, children)
        console.print("Building the templates…")
        cdk.synthesize()
        _check_foundation(target, cdk.assembly.dependencies(stack))
        changes = compare(target, cdk.assembly.template(stack))
        for change in changes:
            _show(change, console)
        console.print("Deploying the workflows alone…")
        cdk.deploy([stack], times.show, exclusively=True)
    after = [_deployed(target, change) for change in changes]
    for change, version in zip(changes, after, strict=True):
        console.print(_movement(change, version), markup=False)
    seconds = time.monotonic() - began
    console.print(f"All in {seconds_text(seconds)}.")
    if as_json:
        print_json(
            {
                "environment": target.environment,
                "stacks": times.stacks,
                "workflows": {c.workflow: _as_json(c, version) for c, version in zip(changes, after, strict=True)},
                "seconds": round(seconds, 3),
            }
        )


def compare(target: Target, template: dict[str, Any]) -> list[Change]:
    """Compare the workflows of a template with the versions that callers start now."""
    workflows = {target.names.state_machine(name): name for name in known_workflows()}
    changes = []
    for plan in planned(template, Surroundings(target, target.names.stack("workflows"))):
        workflow = workflows.get(plan.state_machine)
        if workflow is None:
            continue
        before = live_version(target, workflow)
        lines = difference(
            before.definition if before else "",
            plan.definition,
            f"{workflow}, version {before.number}, which {ALIAS!r} points to"
            if before
            else f"{workflow}, not deployed",
            f"{workflow}, to be deployed",
        )
        changes.append(Change(workflow, before, plan, lines))
    return changes


def _check_foundation(target: Target, stacks: list[str]) -> None:
    missing = [stack for stack in stacks if not is_deployed(target, stack)]
    if missing:
        raise UnavailableError(f"The workflows stand on what is not deployed: {', '.join(missing)}.", _EVERYTHING_FIRST)


def _deployed(target: Target, change: Change) -> Version:
    """Look up what callers start now, and see to it that it is what was deployed."""
    version = live_version(target, change.workflow)
    if version is not None and _differs(version, change):
        point_to_deployed(target, change.workflow)
        version = live_version(target, change.workflow)
    if version is None or _differs(version, change):
        raise CommandError(
            f"The alias {ALIAS!r} of {change.workflow} does not point to the definition that was deployed.",
            "See `ml-pipeline diff workflows`.",
        )
    return version


def _differs(version: Version, change: Change) -> bool:
    return change.plan.is_certain and bool(difference(version.definition, change.plan.definition, "", ""))


def _show(change: Change, console: Console) -> None:
    if not change.lines:
        console.print(f"{change.workflow}: no changes", markup=False)
    for line in change.lines:
        console.print(Text(line, _STYLES.get(line[0], "")))


def _movement(change: Change, version: Version) -> str:
    if change.before is not None and change.before.arn == version.arn:
        return f"{change.workflow}: {ALIAS!r} stays at version {version.number}  {version.arn}"
    old = f"version {change.before.number}" if change.before else "nothing"
    return f"{change.workflow}: {ALIAS!r} moved from {old} to version {version.number}  {version.arn}"


def _as_json(change: Change, version: Version) -> dict[str, Any]:
    return {
        "alias": ALIAS,
        "before": change.before.arn if change.before else None,
        "after": version.arn,
        "changed": bool(change.lines),
        "difference": "\n".join(change.lines),
    }

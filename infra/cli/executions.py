"""`ml-pipeline executions`: what ran, how it ended, and what replays what."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import CommandError, RefusedError
from infra.cli.terminal.target import SOURCE_ROOT, Target, Where, find_target
from infra.cli.terminal.units import seconds_text

BATCH_INFERENCE = "batch-inference"
"""The workflow whose executions are runs: with an id, rows, and results in S3."""

FAILED_STATUSES = ("FAILED", "TIMED_OUT", "ABORTED")

LONGEST_NAME = 80
"""Characters of an execution's name (API reference of Step Functions, StartExecution)."""

_REPLAY_NAME = re.compile(r"(?P<origin>.+)-replay-(?P<number>[1-9]\d*)")
_STYLES = {"SUCCEEDED": "green", "RUNNING": "blue", "PENDING_REDRIVE": "blue"}


@dataclass(frozen=True)
class Execution:
    """One execution of a workflow, as ListExecutions tells of it."""

    arn: str
    name: str
    workflow: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    redrives: int

    @property
    def seconds(self) -> float:
        """Seconds from its start to its end, or to now."""
        return ((self.stopped_at or datetime.now(UTC)) - self.started_at).total_seconds()

    @property
    def failed(self) -> bool:
        """Whether it ended without success."""
        return self.status in FAILED_STATUSES

    def as_json(self, replays: "Execution | None") -> dict[str, Any]:
        """Shape it for scripts; `replays` is the execution that this one replays."""
        return {
            "workflow": self.workflow,
            "execution": self.name,
            "arn": self.arn,
            "status": self.status,
            "startedAt": self.started_at.isoformat(),
            "stoppedAt": self.stopped_at.isoformat() if self.stopped_at else None,
            "seconds": round(self.seconds, 3),
            "redrives": self.redrives,
            "replayOf": replays.name if replays else None,
        }


def known_workflows() -> list[str]:
    """Name the workflows that there are: those with a rendered definition."""
    return sorted(
        path.name.removesuffix(".asl.json").replace("_", "-")
        for path in (SOURCE_ROOT / "workflows" / "asl").glob("*.asl.json")
    )


def check_workflow(name: str) -> str:
    """Return the workflow's name, however its words are joined.

    Raises
    ------
    RefusedError
        If there is no such workflow; the message names those that there are.
    """
    known = known_workflows()
    wanted = name.replace("_", "-")
    if wanted not in known:
        raise RefusedError(f"There is no workflow named {name!r}.", f"The workflows are: {', '.join(known)}.")
    return wanted


def list_executions(target: Target, workflow: str) -> Iterator[Execution]:
    """List a workflow's executions of the last 90 days, the latest first.

    A workflow that is not deployed has none.
    """
    states = target.client("stepfunctions")
    paginator = states.get_paginator("list_executions")
    try:
        for page in paginator.paginate(stateMachineArn=target.state_machine_arn(workflow)):
            for listed in page["executions"]:
                yield Execution(
                    arn=listed["executionArn"],
                    name=listed["name"],
                    workflow=workflow,
                    status=listed["status"],
                    started_at=listed["startDate"],
                    stopped_at=listed.get("stopDate"),
                    redrives=listed.get("redriveCount", 0),
                )
    except states.exceptions.StateMachineDoesNotExist:
        return


def find_execution(target: Target, name_or_arn: str) -> dict[str, Any]:
    """Describe an execution that is given by name or by ARN.

    Raises
    ------
    RefusedError
        If there is none.
    """
    states = target.client("stepfunctions")
    if name_or_arn.startswith("arn:"):
        candidates = [name_or_arn]
    else:
        candidates = [
            f"{target.state_machine_arn(workflow).replace(':stateMachine:', ':execution:')}:{name_or_arn}"
            for workflow in known_workflows()
        ]
    for arn in candidates:
        try:
            return dict(states.describe_execution(executionArn=arn))
        except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn):
            continue
    raise RefusedError(
        f"There is no execution {name_or_arn!r}.", "See `ml-pipeline executions` for those that there are."
    )


def replay_name(origin: str, number: int) -> str:
    """Name the nth replay of an execution, within the length that Step Functions allows."""
    suffix = f"-replay-{number}"
    return origin[: LONGEST_NAME - len(suffix)] + suffix


def origin_of(execution: Execution, among: Sequence[Execution]) -> Execution | None:
    """Find the execution that another one replays; the link is in the name alone, which no one can change later."""
    match = _REPLAY_NAME.fullmatch(execution.name)
    if match is None:
        return None
    number = int(match["number"])
    for other in among:
        earlier = other.workflow == execution.workflow and other.started_at < execution.started_at
        if earlier and replay_name(other.name, number) == execution.name:
            return other
    return None


def executions(
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those that failed, timed out or were aborted.")
    ] = False,
    since: Annotated[timedelta, options.since_option("Those that ran within this time.")] = "7d",  # type: ignore[assignment]
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only this workflow's.")] = None,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """List the executions of the workflows, the latest first.

    An execution that was started anew to replay a failed one names it under "replay of".

    [bold]Examples[/]

      ml-pipeline executions
      ml-pipeline executions --failed --since 24h
      ml-pipeline executions --workflow batch-inference --json
    """
    target = find_target(where, environment)
    earliest = datetime.now(UTC) - since
    workflows = [check_workflow(workflow)] if workflow else known_workflows()
    everything = [execution for name in workflows for execution in list_executions(target, name)]
    shown = sorted(
        (
            execution
            for execution in everything
            if (execution.failed or not failed) and (execution.stopped_at is None or execution.stopped_at >= earliest)
        ),
        key=lambda execution: execution.started_at,
        reverse=True,
    )
    if as_json:
        print_json([execution.as_json(origin_of(execution, everything)) for execution in shown])
        return
    console = human_console()
    if not shown:
        console.print(f"No {'failed ' if failed else ''}execution within the last {_words(since)}.")
        return
    console.print(_table(shown, everything))


def _table(shown: Sequence[Execution], everything: Sequence[Execution]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("workflow", "execution", "status", "started (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "execution")
    table.add_column("took", justify="right")
    table.add_column("redrives", justify="right")
    table.add_column("replay of", overflow="fold")
    for execution in shown:
        origin = origin_of(execution, everything)
        table.add_row(
            execution.workflow,
            execution.name,
            f"[{_STYLES.get(execution.status, 'red')}]{execution.status}[/]",
            f"{execution.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            seconds_text(execution.seconds),
            str(execution.redrives or ""),
            origin.name if origin else "",
        )
    return table


def _words(duration: timedelta) -> str:
    hours = duration / timedelta(hours=1)
    return f"{hours:g} hours" if hours < 48 else f"{hours / 24:g} days"


def workflow_of(target: Target, execution_arn: str) -> str:
    """Name the workflow that an execution belongs to.

    Raises
    ------
    CommandError
        If it belongs to no workflow of this deployment.
    """
    for workflow in known_workflows():
        if f":{target.names.state_machine(workflow)}:" in execution_arn:
            return workflow
    raise CommandError(f"{execution_arn} is no execution of this pipeline's workflows in {target.environment!r}.")

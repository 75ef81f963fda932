"""`ml-pipeline replay`: run again what failed, without doing twice what succeeded."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from infra.cli.executions import (
    BATCH_INFERENCE,
    FAILED_STATUSES,
    Execution,
    find_execution,
    known_workflows,
    list_executions,
    origin_of,
    replay_name,
    workflow_of,
)
from infra.cli.run import follow_to_end, start
from infra.cli.runs.outcome import print_summary
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import CommandError, RefusedError
from infra.cli.terminal.target import Target, Where, find_target
from infra.naming import ALIAS, DEPLOYMENT_WORKFLOWS
from tasks.runs.input import for_the_same_run

SECONDS_UNTIL_REDRIVE_IS_SEEN = 15.0


@dataclass(frozen=True)
class Replay:
    """How an execution is run again.

    Parameters
    ----------
    origin
        Name of the execution that failed.
    execution_arn
        The execution that runs now: the same one if it is redriven, else a new one.
    started_anew_because
        Why it could not be redriven; empty if it is.
    """

    workflow: str
    origin: str
    execution_arn: str
    started_anew_because: str = ""

    def line(self) -> str:
        """Tell it in one line."""
        if not self.started_anew_because:
            return f"redriven      {self.origin}"
        name = self.execution_arn.rpartition(":")[2]
        return f"started anew  {self.origin} as {name} ({self.started_anew_because})"

    def as_json(self) -> dict[str, Any]:
        """Shape it for scripts."""
        return {
            "workflow": self.workflow,
            "replayOf": self.origin,
            "execution": self.execution_arn,
            "how": "new execution" if self.started_anew_because else "redrive",
            **({"because": self.started_anew_because} if self.started_anew_because else {}),
        }


def replay(
    execution: Annotated[str | None, typer.Argument(help="Name or ARN of a failed execution.")] = None,
    failed_since: Annotated[
        timedelta | None, options.since_option("Replay all that failed within this time, such as 24h.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow what was replayed to its end.")] = True,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Run failed executions again: only what failed in them, where that is possible.

    An execution is redriven: what succeeded in it is not run again. Where Step Functions does not allow that (ended
    more than 14 days ago, redriven 1,000 times) or the workflow's definition has changed since, it is started anew
    with the original input, as [bold]{execution}-replay-{n}[/]. A success is never replayed.

    --failed-since leaves out failed deployments and rollbacks of models and shifts of traffic: what is to be served may
    have been decided anew since. Replay such an execution by its name.

    [bold]Examples[/]

      ml-pipeline replay nightly-2013-07-01
      ml-pipeline replay --failed-since 24h
      ml-pipeline replay --failed-since 7d --no-wait --json
    """
    if (execution is None) == (failed_since is None):
        raise RefusedError("Say what to replay: either an execution or --failed-since.")
    target = find_target(where, environment)
    console = human_console(as_json=as_json)
    if execution is not None:
        replaying = iter([replay_one(target, find_execution(target, execution))])
    else:
        replaying = replay_all(target, datetime.now(UTC) - (failed_since or timedelta()))
    replays = []
    for each in replaying:  # told at once: if the next cannot be replayed, it is known which were
        console.print(each.line(), markup=False)
        replays.append(each)
    if not replays:
        console.print("Nothing to replay: no execution failed in this time without being replayed already.")
    results = [each.as_json() for each in replays]
    failures = []
    for each, result in zip(replays, results, strict=True) if wait else ():
        outcome = follow_to_end(target, each.workflow, each.execution_arn, console)
        result["status"] = outcome.status
        print_summary(outcome, console)
        if outcome.status != "SUCCEEDED":
            failures.append(f"{each.execution_arn.rpartition(':')[2]} {outcome.status}: {outcome.cause}")
    if as_json:
        print_json(results)
    if failures:
        raise CommandError("Failed again: " + "; ".join(failures))


def replay_all(target: Target, since: datetime) -> Iterator[Replay]:
    """Replay, one by one, every execution that failed since then.

    Left out are those that a later replay has taken care of, and those of the workflows that change what is served.
    """
    for workflow in known_workflows():
        everything = [] if workflow in DEPLOYMENT_WORKFLOWS else list(list_executions(target, workflow))
        for failed in everything:
            ended_in_time = failed.stopped_at is not None and failed.stopped_at >= since
            if failed.failed and ended_in_time and not _taken_over(failed, everything):
                yield _replay(target, find_execution(target, failed.arn), everything)


def replay_one(target: Target, execution: dict[str, Any]) -> Replay:
    """Replay one failed execution.

    Parameters
    ----------
    execution
        Its description, as DescribeExecution answers it.

    Raises
    ------
    RefusedError
        If it did not fail, or a replay of it runs or has succeeded.
    """
    name, status = execution["name"], execution["status"]
    if status not in FAILED_STATUSES:
        why = "it succeeded, and a success is never replayed" if status == "SUCCEEDED" else "it has not ended"
        raise RefusedError(f"The execution {name} is {status}: {why}.")
    everything = list(list_executions(target, workflow_of(target, execution["executionArn"])))
    for other in everything:
        origin = origin_of(other, everything)
        if origin is not None and origin.arn == execution["executionArn"] and not other.failed:
            raise RefusedError(f"The execution {name} was replayed already: {other.name} is {other.status}.")
    return _replay(target, execution, everything)


def _taken_over(failed: Execution, everything: list[Execution]) -> bool:
    """Whether another execution answers for this one: a later replay of the same origin, whatever became of it."""
    origin = origin_of(failed, everything) or failed
    family = [origin, *(other for other in everything if origin_of(other, everything) == origin)]
    return max(family, key=lambda member: member.started_at) != failed


def _replay(target: Target, execution: dict[str, Any], everything: list[Execution]) -> Replay:
    workflow = workflow_of(target, execution["executionArn"])
    obstacle = _obstacle_to_redrive(target, workflow, execution)
    if not obstacle:
        states = target.client("stepfunctions")
        try:
            states.redrive_execution(executionArn=execution["executionArn"])
            _await_redrive(states, execution)
            return Replay(workflow, execution["name"], execution["executionArn"])
        except states.exceptions.ExecutionNotRedrivable as error:
            obstacle = error.response["Error"]["Message"]
    return _start_anew(target, workflow, execution, everything, obstacle)


def _await_redrive(states: Any, execution: dict[str, Any]) -> None:
    # DescribeExecution is eventually consistent (API reference): whoever looks too early sees the old failure.
    give_up = time.monotonic() + SECONDS_UNTIL_REDRIVE_IS_SEEN
    while time.monotonic() < give_up:
        now = states.describe_execution(executionArn=execution["executionArn"])
        if now.get("redriveCount", 0) > execution.get("redriveCount", 0):
            return
        time.sleep(0.2)


def _obstacle_to_redrive(target: Target, workflow: str, execution: dict[str, Any]) -> str:
    """Say why an execution should not be redriven; empty if it can be.

    A redrive runs the definition that the execution began with (developer guide of Step Functions, "Restarting
    state machine executions with redrive"); if the workflow has changed since, the change would be left out.
    """
    if execution.get("redriveStatus", "REDRIVABLE") != "REDRIVABLE":
        return str(execution.get("redriveStatusReason") or "Step Functions does not allow to redrive it")
    states = target.client("stepfunctions")
    began_with = states.describe_state_machine_for_execution(executionArn=execution["executionArn"])
    live = states.describe_state_machine_alias(stateMachineAliasArn=f"{target.state_machine_arn(workflow)}:{ALIAS}")
    version = max(live["routingConfiguration"], key=lambda route: route["weight"])["stateMachineVersionArn"]
    current = states.describe_state_machine(stateMachineArn=version)
    if json.loads(began_with["definition"]) != json.loads(current["definition"]):
        return "the workflow's definition has changed since"
    return ""


def _start_anew(
    target: Target, workflow: str, execution: dict[str, Any], everything: list[Execution], obstacle: str
) -> Replay:
    states = target.client("stepfunctions")
    listed = next((one for one in everything if one.arn == execution["executionArn"]), None)
    origin = (origin_of(listed, everything) if listed else None) or listed
    origin_name = origin.name if origin else execution["name"]
    request = json.loads(execution.get("input") or "{}")
    if workflow == BATCH_INFERENCE:
        request = for_the_same_run(request, execution["name"])
    taken = {one.name for one in everything}
    for number in itertools.count(1):
        name = replay_name(origin_name, number)
        if name in taken:
            continue
        try:
            arn = start(target, workflow, request, name=name)
        except states.exceptions.ExecutionAlreadyExists:
            continue  # someone else has just taken it
        return Replay(workflow, execution["name"], arn, obstacle)
    raise AssertionError("unreachable: there is always a next number")

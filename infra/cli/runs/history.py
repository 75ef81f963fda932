"""What an execution's history tells: how long each state took, and what made it fail."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.cli.terminal.target import Target


@dataclass(frozen=True)
class Stage:
    """One state of a workflow: when it was first entered (seconds after the start) and how long it ran in all."""

    name: str
    entered: float
    seconds: float


def read_history(target: Target, execution_arn: str) -> list[dict[str, Any]]:
    """Read all events of an execution, the first one first."""
    paginator = target.client("stepfunctions").get_paginator("get_execution_history")
    return [event for page in paginator.paginate(executionArn=execution_arn) for event in page["events"]]


def stages(events: Sequence[dict[str, Any]]) -> list[Stage]:
    """Measure the states of an execution, in the order in which they were first entered.

    A state that ran more than once (a loop, a redrive) is given its time in sum. One that was never left ended
    with the execution, or still runs: it counts up to the last event.

    Parameters
    ----------
    events
        Events as GetExecutionHistory answers them, in order of time. States of one name must not overlap, which
        holds for our workflows: their states have different names, and no inline Map is among them.
    """
    if not events:
        return []
    start, end = events[0]["timestamp"], events[-1]["timestamp"]
    first_entered: dict[str, datetime] = {}
    open_since: dict[str, datetime] = {}
    seconds: dict[str, float] = {}

    def leave(name: str, at: datetime) -> None:
        seconds[name] = seconds.get(name, 0.0) + (at - open_since.pop(name)).total_seconds()

    for event in events:
        at = event["timestamp"]
        if event["type"].endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            first_entered.setdefault(name, at)
            open_since[name] = at
        elif event["type"].endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            if name in open_since:
                leave(name, at)
        elif event["type"] in _ENDS:
            for name in list(open_since):
                leave(name, at)
    for name in list(open_since):
        leave(name, end)
    return [Stage(name, (at - start).total_seconds(), seconds[name]) for name, at in first_entered.items()]


# After one of these nothing runs until a redrive, and that time is nobody's work.
_ENDS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted", "ExecutionSucceeded")


def readable_cause(error: str | None, cause: str | None) -> str:
    """Write an execution's error and cause for reading.

    A Lambda's cause is a JSON text with `errorMessage`; only that message is of use to a reader.
    """
    message = (cause or "").strip()
    try:
        parsed = json.loads(message)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        message = str(parsed.get("errorMessage") or parsed.get("Cause") or parsed.get("message") or message)
    return ": ".join(part for part in (error, message) if part) or "no cause was given"

"""EventBridge Scheduler: who starts what is due."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "core.responses": ("get_account_id", "get_region"),
    "services.eventbridge": ("_invoke_target",),
    "services.scheduler": ("_SCHEDULE_TICK_INTERVAL",),
}

TICK_SECONDS = 1


@dataclass(frozen=True)
class Due:
    """A schedule whose time has come.

    Attributes
    ----------
    schedule
        Its ARN.
    target, role
        ARNs of what to call and as whom.
    account, region
        The schedule's.
    """

    schedule: str
    target: str
    role: str
    account: str
    region: str


Permit = Callable[[Due], bool]
"""Whether the schedule's role may call the target; logs why not."""


class Schedules:
    """The emulator's scheduler, mended."""

    def __init__(self) -> None:
        # Symptom: a schedule starts up to ten seconds late.
        module("services.scheduler")._SCHEDULE_TICK_INTERVAL = TICK_SECONDS

    def permit_with(self, permit: Permit) -> None:
        """Let `permit` decide about each schedule that is due.

        Symptom: the emulator calls targets as nobody, whatever the schedule's role may do.
        """
        responses = module("core.responses")
        invoke = module("services.eventbridge")._invoke_target

        def invoke_if_permitted(
            target: dict[str, Any], event: dict[str, Any], source: dict[str, Any], *rest: Any
        ) -> None:
            if event.get("Source") == "aws.scheduler":
                due = Due(
                    schedule=source["Arn"],
                    target=target["Arn"],
                    role=target.get("RoleArn", ""),
                    account=responses.get_account_id(),
                    region=responses.get_region(),
                )
                if not permit(due):
                    return
                # A target without input is called with an empty object (Scheduler user guide, "Templated targets").
                target = {**target, "Input": _with_context(target.get("Input", "{}"), source["Arn"])}
            invoke(target, event, source, *rest)

        rebind(invoke, invoke_if_permitted)


def _with_context(text: str, schedule: str) -> str:
    """Fill in the context attributes, which the emulator hands on (Scheduler user guide, "Context attributes")."""
    attributes = {
        "schedule-arn": schedule,
        "scheduled-time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text

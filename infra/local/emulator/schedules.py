"""EventBridge's schedules and rules: who calls what is due, and when it was due last."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "core.responses": ("get_account_id", "get_region"),
    "services.eventbridge": ("_invoke_target", "_rule_last_fired", "_rules"),
    "services.scheduler": ("_SCHEDULE_TICK_INTERVAL", "_schedule_last_fired", "_schedules"),
}

TICK_SECONDS = 1

_SCHEDULER = "scheduler.amazonaws.com"
_EVENTS = "events.amazonaws.com"
_STATES = "arn:aws:states:"
_KEPT = ("rate(", "at(")


@dataclass(frozen=True)
class Due:
    """A call that a schedule or a rule is about to make.

    Attributes
    ----------
    caller
        ARN of the schedule or rule.
    principal
        Service that makes the call, e.g. ``events.amazonaws.com``.
    target, role
        ARNs of what to call and as whom; no role is an empty text.
    account, region
        The caller's.
    """

    caller: str
    principal: str
    target: str
    role: str
    account: str
    region: str


Permit = Callable[[Due], bool]
"""Whether the role may call the target; logs why not."""


class Schedules:
    """The emulator's scheduler and rules, mended."""

    def __init__(self) -> None:
        self._scheduler = module("services.scheduler")
        self._events = module("services.eventbridge")
        # Symptom: a schedule starts up to ten seconds late.
        self._scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS

    def permit_with(self, permit: Permit) -> None:
        """Let `permit` decide about what each schedule, and each rule with a state machine, is about to call.

        Symptom: the emulator calls targets as nobody, whatever the role may do.
        """
        responses = module("core.responses")
        invoke = self._events._invoke_target

        def invoke_if_permitted(
            target: dict[str, Any], event: dict[str, Any], source: dict[str, Any], *rest: Any
        ) -> None:
            scheduled = event.get("Source") == "aws.scheduler"
            if scheduled or target["Arn"].startswith(_STATES):
                due = Due(
                    caller=source["Arn"],
                    principal=_SCHEDULER if scheduled else _EVENTS,
                    target=target["Arn"],
                    role=target.get("RoleArn", ""),
                    account=responses.get_account_id(),
                    region=responses.get_region(),
                )
                if not permit(due):
                    return
            if scheduled:
                # A target without input is called with an empty object (Scheduler user guide, "Templated targets").
                target = {**target, "Input": _with_context(target.get("Input", "{}"), source)}
            invoke(target, event, source, *rest)

        rebind(invoke, invoke_if_permitted)

    def last_fired(self) -> list[list[Any]]:
        """Return when what repeats by a rate, or comes once, was last due; for `set_last_fired` of the next life.

        Symptom: the emulator forgets it, so that each start calls what once was due again. Times of ``cron`` that
        passed while it did not run are not made up for.
        """
        found = []
        for which, fired, records in self._stores():
            for key, when in list(fired.items()):
                record = records._data.get(key)
                if record and record.get("ScheduleExpression", "").startswith(_KEPT):
                    found.append([which, *key, when])
        return found

    def set_last_fired(self, saved: list[list[Any]]) -> None:
        """Take over what `last_fired` returned."""
        stores = {which: fired for which, fired, _ in self._stores()}
        for which, account, region, name, when in saved:
            stores[which][account, region, name] = when

    def forget(self) -> None:
        """Forget when schedules were last due."""
        self._scheduler._schedule_last_fired.clear()

    def _stores(self) -> list[tuple[str, dict[tuple[str, str, str], float], Any]]:
        return [
            ("schedule", self._scheduler._schedule_last_fired, self._scheduler._schedules),
            ("rule", self._events._rule_last_fired, self._events._rules),
        ]


def _with_context(text: str, schedule: dict[str, Any]) -> str:
    """Fill in the context attributes, which the emulator hands on.

    Source: EventBridge Scheduler user guide, "Adding context attributes in EventBridge Scheduler".
    """
    attributes = {
        "schedule-arn": schedule["Arn"],
        "scheduled-time": _due(schedule["ScheduleExpression"]).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _due(expression: str) -> datetime:
    """When a schedule that is called now was due: the time is the one that was asked for, not that of the call.

    A `cron` is due at the beginning of a minute, an `at` at its time; a `rate` has no more exact time here than now.
    """
    if expression.startswith("at("):
        return datetime.fromisoformat(expression[len("at(") : -1].strip())
    now = datetime.now(UTC)
    return now.replace(second=0) if expression.startswith("cron(") else now

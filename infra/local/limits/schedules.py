"""EventBridge Scheduler (API reference, "CreateSchedule")."""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.limits.calls import Call
from infra.local.limits.refusal import Refusal, refuse_beyond
from infra.local.limits.service_limits import Rule
from infra.schedule_expressions import scheduler_expression, time_zone
from tasks.aws_limits import SCHEDULER_INPUT, utf8_bytes

#: Targets whose input must be JSON.
_JSON_TARGETS = (":states:", ":lambda:", ":events:")


def _put_schedule(call: Call) -> None:
    members = call.members
    expression = str(members.get("ScheduleExpression", ""))
    if scheduler_expression(expression):
        raise _invalid(f"Invalid Schedule Expression {expression}.")
    zone = members.get("ScheduleExpressionTimezone")
    if zone is not None and time_zone(str(zone)):
        raise _invalid(f"Invalid Schedule Expression Timezone {zone}.")
    _check_window(members.get("FlexibleTimeWindow") or {})
    _check_dates(members)
    _check_input(members.get("Target") or {})


def _check_window(window: Mapping[str, Any]) -> None:
    flexible, given = window.get("Mode") == "FLEXIBLE", window.get("MaximumWindowInMinutes") is not None
    if flexible and not given:
        raise _invalid("MaximumWindowInMinutes is required when FlexibleTimeWindow Mode is FLEXIBLE.")
    if given and not flexible:
        raise _invalid("MaximumWindowInMinutes must not be provided when FlexibleTimeWindow Mode is OFF.")


def _check_dates(members: Mapping[str, Any]) -> None:
    start, end = members.get("StartDate"), members.get("EndDate")
    if isinstance(start, int | float) and isinstance(end, int | float) and end <= start:
        raise _invalid("The EndDate must come after the StartDate.")


def _check_input(target: Mapping[str, Any]) -> None:
    text = target.get("Input")
    if not isinstance(text, str):
        return
    refuse_beyond(SCHEDULER_INPUT, utf8_bytes(text), f"Target Input must be at most {SCHEDULER_INPUT.value} bytes.")
    if any(service in str(target.get("Arn")) for service in _JSON_TARGETS):
        try:
            json.loads(text)
        except ValueError as error:
            raise _invalid("Invalid RequestJson provided. Reason Target Input is not a valid JSON.") from error


def _invalid(message: str) -> Refusal:
    return Refusal("ValidationException", message)


RULES: dict[str, Rule] = {"CreateSchedule": _put_schedule, "UpdateSchedule": _put_schedule}

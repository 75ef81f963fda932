"""CloudWatch and CloudWatch Logs (API references, "PutMetricData", "PutLogEvents")."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from infra.local.limits.calls import Call
from infra.local.limits.refusal import Refusal, refuse_beyond
from infra.local.limits.service_limits import Rule
from tasks.aws_limits import (
    LOGS_BATCH,
    LOGS_OVERHEAD,
    LOGS_SPAN,
    METRICS_OF_REQUEST,
    METRICS_REQUEST,
    METRICS_VALUES,
    Limit,
    utf8_bytes,
)

_LARGEST = 2.0**360


def _put_metric_data(call: Call) -> None:
    refuse_beyond(METRICS_REQUEST, len(call.request.body), "Request size exceeds the maximum of 1 MB.", 413)
    data = call.members.get("MetricData") or []
    _check_collection("MetricData", data, METRICS_OF_REQUEST)
    for number, datum in enumerate(data, 1):
        place = f"MetricData.member.{number}"
        _check_collection(f"{place}.Values", datum.get("Values") or [], METRICS_VALUES)
        for name, value in _values(datum):
            if value is not None and not _is_finite(value):
                raise Refusal("InvalidParameterValue", f"The value {value} for parameter {place}.{name} is invalid.")


def _values(datum: Mapping[str, Any]) -> list[tuple[str, Any]]:
    statistics = (datum.get("StatisticValues") or {}).items()
    several = [(f"Values.member.{number}", value) for number, value in enumerate(datum.get("Values") or [], 1)]
    return [
        ("Value", datum.get("Value")),
        *((f"StatisticValues.{name}", value) for name, value in statistics),
        *several,
    ]


def _is_finite(value: Any) -> bool:
    try:  # JSON has no NaN: clients send it as text
        return math.isfinite(float(value)) and abs(float(value)) <= _LARGEST
    except (TypeError, ValueError):
        return False


def _check_collection(place: str, items: Sequence[Any], limit: Limit) -> None:
    message = f"The collection {place} must not have a size greater than {limit.value}."
    refuse_beyond(limit, len(items), message)


def _put_log_events(call: Call) -> None:
    events = call.members.get("logEvents") or []
    times = [event["timestamp"] for event in events if isinstance(event.get("timestamp"), int)]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise Refusal(LOGS_BATCH.error, "Log events in a single PutLogEvents request must be in chronological order.")
    if times:
        refuse_beyond(
            LOGS_SPAN,
            (times[-1] - times[0]) / 1000,
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        )
    size = sum(utf8_bytes(str(event.get("message", ""))) + LOGS_OVERHEAD.value for event in events)
    refuse_beyond(LOGS_BATCH, size, f"Upload too large: {size} bytes exceeds limit of {LOGS_BATCH.value}")


METRICS: dict[str, Rule] = {"PutMetricData": _put_metric_data}
LOGS: dict[str, Rule] = {"PutLogEvents": _put_log_events}

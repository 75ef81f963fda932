"""CloudWatch alarms: who judges them, and when."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.emulator.services import Services

NEEDS: Needs = {
    "services.cloudwatch": (
        "_alarms",
        "_calc_stats",
        "_dims_from_list",
        "_dims_key",
        "_dispatch_alarm_actions",
        "_evaluate_alarm",
        "_evaluate_parent_alarms",
        "_metrics",
        "_record_history",
        "_stat_value",
    ),
}

Verdict = tuple[str, str]
"""State and the reason for it."""

Judge = Callable[[Mapping[str, Any], Sequence[float | None]], Verdict]
"""Judges an alarm (members of ``DescribeAlarms``) by the datapoints of its periods, the latest first."""


class Alarms:
    """The emulator's metric alarms, mended.

    Parameters
    ----------
    services
        Scopes each alarm to its account and region.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._metrics = module("services.cloudwatch")

    def judge_with(self, judge: Judge) -> None:
        """Let `judge` decide about the state of each alarm.

        Symptom: the emulator takes the data of all dimensions and periods together, so that an alarm of one variant
        goes off by the other's latency, and knows neither missing data nor datapoints to alarm.
        """
        metrics = self._metrics

        def evaluate(alarm: dict[str, Any]) -> None:
            if not alarm.get("MetricName"):
                return
            before = alarm["StateValue"]
            state, reason = judge(alarm, self._datapoints(alarm))
            if state == before:
                return
            alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
            metrics._record_history(alarm["AlarmName"], before, state, reason)
            metrics._dispatch_alarm_actions(alarm, before, state, reason)
            metrics._evaluate_parent_alarms(alarm)

        rebind(metrics._evaluate_alarm, evaluate)

    def judge_all(self) -> None:
        """Judge the alarms of all accounts and regions now: also those that nobody puts data for."""
        for (account, region, _), alarm in list(self._metrics._alarms.all_items()):
            with self._services.scope(account, region):
                self._metrics._evaluate_alarm(alarm)

    def _datapoints(self, alarm: Mapping[str, Any]) -> list[float | None]:
        metrics, now, period = self._metrics, time.time(), int(alarm["Period"])
        dimensions = metrics._dims_key(metrics._dims_from_list(alarm.get("Dimensions") or []))
        points = metrics._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
        return [
            self._statistic(
                alarm,
                [p for p in points if now - (number + 1) * period < p["Timestamp"] <= now - number * period],
            )
            for number in range(int(alarm["EvaluationPeriods"]))
        ]

    def _statistic(self, alarm: Mapping[str, Any], points: list[Any]) -> float | None:
        if not points:
            return None
        name = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        value = self._metrics._stat_value(self._metrics._calc_stats(points), name, points)
        return None if value is None else float(value)

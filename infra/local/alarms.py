"""CloudWatch's verdict on metric alarms.

Facts: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". Here the
periods end at the moment of the judgement, while CloudWatch's begin at full minutes.
"""

import operator
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.local.emulator import Emulator, Verdict

LOOK_SECONDS = 5.0

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}


def install(emulator: Emulator) -> None:
    """Judge alarms when data comes, and every `LOOK_SECONDS`."""
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(LOOK_SECONDS):
            emulator.alarms.judge_all()

    emulator.alarms.judge_with(judge)
    watch = threading.Thread(target=look, name="alarms", daemon=True)
    watch.start()
    emulator.at_stop(stopped.set)


def judge(alarm: Mapping[str, Any], datapoints: Sequence[float | None]) -> Verdict:
    """Return an alarm's state and the reason for it.

    Parameters
    ----------
    alarm
        Members of ``DescribeAlarms``.
    datapoints
        The statistic of each evaluation period, the latest first; ``None`` where there are no data.
    """
    breaches = COMPARISONS.get(str(alarm["ComparisonOperator"]))
    if breaches is None:
        return "INSUFFICIENT_DATA", f"{alarm['ComparisonOperator']} is not judged by the embedded AWS"
    threshold = float(alarm["Threshold"])
    needed = int(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"])
    found = [value for value in datapoints if value is not None]
    missing = str(alarm.get("TreatMissingData") or "missing")
    if not found and missing == "missing":
        return "INSUFFICIENT_DATA", f"Insufficient Data: {len(datapoints)} datapoints were unknown."
    if not found and missing == "ignore":
        return str(alarm["StateValue"]), str(alarm["StateReason"])
    breaching = sum(breaches(value, threshold) for value in found)
    if missing == "breaching":
        breaching += len(datapoints) - len(found)
    shown = ", ".join(f"{value:g}" if value is not None else "no data" for value in datapoints)
    verdict = "was" if breaching >= needed else "was not"
    reason = (
        f"Threshold Crossed: {breaching} out of the last {len(datapoints)} datapoints [{shown}] {verdict} enough for "
        f"{alarm['ComparisonOperator']} {threshold:g} ({needed} to alarm)."
    )
    return ("ALARM" if breaching >= needed else "OK"), reason

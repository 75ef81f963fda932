"""Target tracking: when a policy wants another number of instances, and which.

Facts: Application Auto Scaling user guide, "How target tracking scaling for Application Auto Scaling works" (scaling is
proportional; missing data change nothing; out is quick, in is slow; of several policies the largest capacity wins, and
all that may scale in must agree before anything is removed) and "Scaling activities"; API reference,
"TargetTrackingScalingPolicyConfiguration" (cooldowns, 300 seconds for variants of SageMaker). The alarms that AWS makes
look at three minutes above the target, and at fifteen below 90% of it.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

HIGH_PERIODS = 3
LOW_PERIODS = 15
LOW_SHARE = 0.9
DEFAULT_COOLDOWN_SECONDS = 300

Alarm = Literal["AlarmHigh", "AlarmLow"]
Datapoint = float | None
"""Invocations per instance and minute; ``None`` where there were none: SageMaker counts no zeros."""


@dataclass
class Cooldown:
    """What the latest activities of a variant leave behind.

    Attributes
    ----------
    out_at, in_at
        When the latest scale-out and scale-in had succeeded, in seconds of the scaler's clock.
    before
        Number of instances before that scale-out.
    """

    out_at: float | None = None
    before: int = 0
    in_at: float | None = None

    def scaled(self, before: int, after: int, now: float) -> None:
        """Note that the number of instances went from `before` to `after`; a scale-out ends a scale-in's cooldown."""
        if after > before:
            self.out_at, self.before, self.in_at = now, before, None
        else:
            self.in_at = now


@dataclass(frozen=True)
class Proposal:
    """What a policy asks for.

    Attributes
    ----------
    count
        Of instances, before limits.
    policy
        Its name.
    alarm
        Why.
    """

    count: int
    policy: str
    alarm: Alarm


def new_datapoints() -> deque[Datapoint]:
    """Return a place for as many datapoints as alarms look at, the latest last."""
    return deque(maxlen=LOW_PERIODS)


def alarm_of(datapoints: Sequence[Datapoint], target: float) -> Alarm | None:
    """Return the alarm that the latest datapoints raise."""
    latest = list(datapoints)
    high, low = latest[-HIGH_PERIODS:], latest[-LOW_PERIODS:]
    if len(high) == HIGH_PERIODS and all(value is not None and value > target for value in high):
        return "AlarmHigh"
    if len(low) == LOW_PERIODS and all(value is not None and value < LOW_SHARE * target for value in low):
        return "AlarmLow"
    return None


def propose(
    policies: Iterable[Mapping[str, Any]],
    datapoints: Sequence[Datapoint],
    count: int,
    cooldown: Cooldown,
    now: float,
    minute: float = 60.0,
) -> Proposal | None:
    """Return what the policies of a variant together ask for, ``None`` to leave it alone.

    Parameters
    ----------
    policies
        Members of ``DescribeScalingPolicies``.
    datapoints
        The latest last.
    count
        Desired number of instances.
    cooldown
        Of the variant.
    now
        Seconds of the scaler's clock.
    minute
        Seconds that 60 seconds of a cooldown last.
    """
    higher: list[Proposal] = []
    lower: list[Proposal | None] = []
    for policy in policies:
        tracking = policy["TargetTrackingScalingPolicyConfiguration"]
        target, value = float(tracking["TargetValue"]), datapoints[-1] if datapoints else None
        alarm = alarm_of(datapoints, target)
        if alarm == "AlarmHigh" and value is not None:
            # In its cooldown, what the latest scale-out added is part of what this one asks for.
            base = cooldown.before if _lasts(cooldown.out_at, tracking, "ScaleOutCooldown", now, minute) else count
            higher.append(Proposal(math.ceil(base * value / target), policy["PolicyName"], alarm))
        if tracking.get("DisableScaleIn"):
            continue
        ready = alarm == "AlarmLow" and not _lasts(cooldown.in_at, tracking, "ScaleInCooldown", now, minute)
        if ready and value is not None:
            lower.append(Proposal(math.ceil(count * value / target), policy["PolicyName"], "AlarmLow"))
        else:
            lower.append(None)
    out = max(higher, key=lambda proposal: proposal.count, default=None)
    if out and out.count > count:
        return out
    agreed = [proposal for proposal in lower if proposal]
    if higher or not agreed or len(agreed) < len(lower):
        return None
    smallest_change = max(agreed, key=lambda proposal: proposal.count)
    return smallest_change if smallest_change.count < count else None


def _lasts(since: float | None, tracking: Mapping[str, Any], member: str, now: float, minute: float) -> bool:
    seconds = tracking.get(member, DEFAULT_COOLDOWN_SECONDS) * minute / 60.0
    return since is not None and now - since < seconds

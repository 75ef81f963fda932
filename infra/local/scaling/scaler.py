"""Acts on what is registered in one account and region: looks at the variants, and changes their number of instances.

Facts: Application Auto Scaling user guide, "How target tracking scaling for Application Auto Scaling works" and
"Suspend and resume scaling"; a variant outside the limits of its target is brought to them at once.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from infra.local.scaling.activities import Activities
from infra.local.scaling.errors import NotScaledError
from infra.local.scaling.targets import Place, Record, Targets, parts
from infra.local.scaling.tracking import Cooldown, Datapoint, new_datapoints, propose
from infra.local.scaling.variants import Variant, Variants

PERIOD_SECONDS = 60.0


@dataclass(frozen=True)
class Pace:
    """How time passes.

    Attributes
    ----------
    period
        Seconds of one datapoint. Cooldowns are as much shorter as it is shorter than a minute; what is counted in it
        is extrapolated to a minute, so that target values keep their meaning.
    clock
        Epoch seconds.
    """

    period: float = PERIOD_SECONDS
    clock: Callable[[], float] = time.time


class Scaler:
    """Scales the variants of one account and region.

    Parameters
    ----------
    place
        Account and region.
    variants
        Of all endpoints.
    pace
        How time passes.

    Attributes
    ----------
    targets, activities
        What the API shows.
    """

    def __init__(self, place: Place, variants: Variants, pace: Pace) -> None:
        self._place = place
        self._variants = variants
        self._pace = pace
        self.targets = Targets(place, lambda endpoint, variant: variants.exists(place, endpoint, variant))
        self.activities = Activities()
        self._cooldowns: dict[str, Cooldown] = {}
        self._datapoints: dict[str, deque[Datapoint]] = {}
        self._counted: dict[str, float] = {}
        self._period_began = pace.clock()

    def look(self) -> None:
        """End activities and keep limits; when a period has passed, take its datapoints and act on policies."""
        now = self._pace.clock()
        passed = now - self._period_began
        period_ended = passed >= self._pace.period
        if period_ended:
            self._period_began = now
            self._forget_strangers()
        self._end_activities(now)
        for target in list(self.targets.targets.values()):
            resource = target["ResourceId"]
            variant = self._variants.find(self._place, *parts(resource))
            if variant is None:
                self._counted.pop(resource, None)
                self._datapoints.pop(resource, None)
                continue
            self._counted.setdefault(resource, variant.invocations)
            if period_ended:
                self._count(resource, variant, passed)
            if not variant.changing:
                self._scale(target, variant, now, by_policy=period_ended)

    def saved(self) -> dict[str, Any]:
        """Return what survives a restart; the datapoints do not."""
        return {
            "targets": self.targets.targets,
            "policies": list(self.targets.policies.values()),
            "tags": self.targets.tags,
            "activities": self.activities.saved(),
            "cooldowns": {resource: asdict(cooldown) for resource, cooldown in self._cooldowns.items()},
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `saved` returned."""
        self.targets.targets, self.targets.tags = saved["targets"], saved["tags"]
        self.targets.policies = {(policy["ResourceId"], policy["PolicyName"]): policy for policy in saved["policies"]}
        self.activities.load(saved.get("activities", []))
        self._cooldowns = {name: Cooldown(**cooldown) for name, cooldown in saved.get("cooldowns", {}).items()}

    def _forget_strangers(self) -> None:
        for known in (self._cooldowns, self._datapoints, self._counted):
            for resource in known.keys() - self.targets.targets.keys():
                del known[resource]

    def _count(self, resource: str, variant: Variant, seconds: float) -> None:
        invocations = variant.invocations - self._counted[resource]
        self._counted[resource] = variant.invocations
        datapoints = self._datapoints.setdefault(resource, new_datapoints())
        datapoints.append(invocations * 60.0 / seconds if invocations > 0 else None)

    def _end_activities(self, now: float) -> None:
        for activity in self.activities.in_progress():
            resource = activity.resource
            set_to = f"set desired instance count to {activity.wanted}."
            variant = self._variants.find(self._place, *parts(resource))
            if not self._variants.exists(self._place, *parts(resource)):
                activity.end("Failed", f"Failed to {set_to} Reason: the variant no longer exists.", now)
            elif variant is None or variant.changing:
                continue
            elif variant.desired != activity.wanted:
                activity.end("Failed", f"Failed to {set_to} Reason: new instances did not become healthy.", now)
            else:
                activity.end("Successful", f"Successfully {set_to} Change successfully fulfilled by sagemaker.", now)
                self._cooldowns.setdefault(resource, Cooldown()).scaled(activity.before, activity.wanted, now)

    def _scale(self, target: Record, variant: Variant, now: float, *, by_policy: bool) -> None:
        least, most = max(1, target["MinCapacity"]), target["MaxCapacity"]
        if variant.desired < least:
            self._resize(target, variant, least, f"minimum capacity was set to {least}", now)
        elif variant.desired > most >= 1:
            self._resize(target, variant, most, f"maximum capacity was set to {most}", now)
        elif by_policy:
            self._follow_policies(target, variant, least, most, now)

    def _follow_policies(self, target: Record, variant: Variant, least: int, most: int, now: float) -> None:
        resource = target["ResourceId"]
        policies = [policy for (owner, _), policy in self.targets.policies.items() if owner == resource]
        cooldown = self._cooldowns.get(resource, Cooldown())
        datapoints = list(self._datapoints.get(resource, ()))
        proposal = propose(policies, datapoints, variant.desired, cooldown, now, minute=self._pace.period)
        if proposal is None:
            return
        wanted = min(max(proposal.count, least), most)
        suspended = target["SuspendedState"]
        is_suspended = suspended[
            "DynamicScalingOutSuspended" if wanted > variant.desired else "DynamicScalingInSuspended"
        ]
        if wanted != variant.desired and not is_suspended:
            alarm = f"TargetTracking-{resource}-{proposal.alarm}"
            cause = f"monitor alarm {alarm} in state ALARM triggered policy {proposal.policy}"
            self._resize(target, variant, wanted, cause, now)

    def _resize(self, target: Record, variant: Variant, wanted: int, cause: str, now: float) -> None:
        resource = target["ResourceId"]
        activity = self.activities.begin(resource, variant.desired, wanted, cause, now)
        try:
            self._variants.resize(self._place, *parts(resource), wanted)
        except NotScaledError as error:
            activity.end("Failed", f"Failed to set desired instance count to {wanted}. Reason: {error}", now)

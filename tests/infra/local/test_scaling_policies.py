"""What target tracking does with the traffic of a variant, minute by minute of a clock that the tests turn."""

from dataclasses import replace
from typing import Any

import pytest

from infra.local.scaling.errors import NotScaledError
from infra.local.scaling.scaler import Pace
from infra.local.scaling.service import ScalingService
from infra.local.scaling.targets import DIMENSION, Place
from infra.local.scaling.variants import Variant

PLACE = Place("000000000000", "us-east-1")
RESOURCE = "endpoint/e/variant/V"
TARGET = {"ServiceNamespace": "sagemaker", "ResourceId": RESOURCE, "ScalableDimension": DIMENSION}


class World:
    """One variant whose instances come and go at once, unless told otherwise, and a clock."""

    def __init__(self, period: float = 60.0) -> None:
        self.now = 1_000_000.0
        self.period = period
        self.variant: Variant | None = Variant(desired=1, serving=1, invocations=0.0, changing=False)
        self.refusal = ""
        self.slow = False
        self.deleted = False
        self.service = ScalingService(self, Pace(period, lambda: self.now))
        self("RegisterScalableTarget", MinCapacity=1, MaxCapacity=10)
        self.track()
        self.service.look()

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        return self.service.call(operation, {**TARGET, **members}, PLACE)

    def track(self, policy: str = "p", **tracking: Any) -> None:
        metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        settings = {"TargetValue": 1000.0, "ScaleInCooldown": 300, "ScaleOutCooldown": 60, **tracking}
        self(
            "PutScalingPolicy",
            PolicyName=policy,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"PredefinedMetricSpecification": metric, **settings},
        )

    def minutes(self, count: int, invocations: float) -> list[int]:
        """Let periods pass with as many invocations of the whole variant; returns the instances after each."""
        return [self._minute(invocations) for _ in range(count)]

    def _minute(self, invocations: float) -> int:
        assert self.variant is not None
        self.now += self.period
        counted = self.variant.invocations + invocations / self.variant.serving
        self.variant = replace(self.variant, invocations=counted)
        self.service.look()
        self.service.look()
        return self.variant.desired

    def activities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("DescribeScalingActivities")["ScalingActivities"]
        return found

    def exists(self, place: Place, endpoint: str, variant: str) -> bool:
        return (place, endpoint, variant) == (PLACE, "e", "V") and not self.deleted

    def find(self, place: Place, endpoint: str, variant: str) -> Variant | None:
        return self.variant if self.exists(place, endpoint, variant) else None

    def resize(self, place: Place, endpoint: str, variant: str, count: int) -> None:
        assert self.exists(place, endpoint, variant)
        assert self.variant is not None
        if self.refusal:
            raise NotScaledError(self.refusal)
        serving = self.variant.serving if self.slow else count
        self.variant = replace(self.variant, desired=count, serving=serving, changing=self.slow)


@pytest.fixture
def world() -> World:
    return World()


def test_three_minutes_above_the_target_scale_out_in_proportion(world: World) -> None:
    assert world.minutes(3, 3500) == [1, 1, 4]

    (activity,) = world.activities()
    assert activity["Description"] == "Setting desired instance count to 4."
    assert activity["Cause"] == (f"monitor alarm TargetTracking-{RESOURCE}-AlarmHigh in state ALARM triggered policy p")
    assert (activity["StatusCode"], activity["EndTime"]) == ("Successful", world.now)


def test_a_minute_that_is_at_the_target_starts_the_count_anew(world: World) -> None:
    assert set(world.minutes(2, 3500) + world.minutes(1, 1000) + world.minutes(2, 3500)) == {1}
    assert world.activities() == []


def test_fifteen_minutes_below_nine_tenths_of_the_target_scale_in(world: World) -> None:
    world.minutes(3, 2900)

    assert world.minutes(15, 1500) == [3] * 14 + [2]
    assert "AlarmLow in state ALARM" in world.activities()[0]["Cause"]


def test_between_nine_tenths_and_the_target_nothing_changes(world: World) -> None:
    world.minutes(3, 2900)

    assert set(world.minutes(30, 2750)) == {3}


def test_a_variant_without_invocations_is_left_alone(world: World) -> None:
    world.minutes(3, 2900)

    assert set(world.minutes(40, 0)) == {3}


def test_limits_hold_and_a_limit_that_moves_scales_at_once(world: World) -> None:
    assert world.minutes(3, 50_000)[-1] == 10

    world("RegisterScalableTarget", MaxCapacity=6)
    world.service.look()
    fewer = world.variant
    assert fewer is not None
    world("RegisterScalableTarget", MinCapacity=8, MaxCapacity=9)
    world.service.look()

    assert fewer.desired == 6
    assert world.variant == replace(fewer, desired=8, serving=8)
    assert [activity["Cause"] for activity in world.activities()[:2]] == [
        "minimum capacity was set to 8",
        "maximum capacity was set to 6",
    ]


def test_in_its_cooldown_a_scale_out_is_raised_only_by_what_asks_for_more(world: World) -> None:
    world.track(ScaleOutCooldown=300)
    world.minutes(3, 3500)

    # 5 instances' worth of work on 4: asked for from the one instance before, that is 2, and no more than there are.
    assert world.minutes(4, 5000) == [4, 4, 4, 4]
    assert world.minutes(2, 5000)[-1] == 5


def test_a_burst_in_a_cooldown_of_a_scale_out_still_scales_out(world: World) -> None:
    world.track(ScaleOutCooldown=600)
    world.minutes(3, 2500)

    assert world.minutes(1, 18_000) == [6]


def test_a_scale_in_waits_for_the_cooldown_of_the_one_before(world: World) -> None:
    world.track(ScaleInCooldown=1800)
    world.minutes(3, 4900)

    world.minutes(15, 4000)

    assert set(world.minutes(29, 1500)) == {4}
    assert world.minutes(1, 1500) == [2]


def test_a_scale_out_does_not_wait_for_the_cooldown_of_a_scale_in(world: World) -> None:
    world.track(ScaleInCooldown=3600)
    world.minutes(3, 2900)
    world.minutes(15, 1500)

    assert world.minutes(3, 6000)[-1] == 6


@pytest.mark.parametrize(("member", "after"), [("DynamicScalingOutSuspended", 1), ("DynamicScalingInSuspended", 4)])
def test_what_is_suspended_changes_nothing_until_it_is_resumed(world: World, member: str, after: int) -> None:
    world("RegisterScalableTarget", SuspendedState={member: True})
    world.minutes(3, 3500)
    suspended = world.minutes(20, 3500 if after == 1 else 500)[-1]

    world("RegisterScalableTarget", SuspendedState={member: False})

    assert suspended == after
    assert world.minutes(1, 3500 if after == 1 else 500) == [5 - after]


def test_a_policy_that_may_not_scale_in_does_not(world: World) -> None:
    world.track(DisableScaleIn=True)
    world.minutes(3, 3500)

    assert set(world.minutes(30, 100)) == {4}


def test_of_two_policies_the_larger_number_wins_and_both_must_agree_to_scale_in(world: World) -> None:
    world.track("q", TargetValue=500.0)

    assert world.minutes(3, 3500)[-1] == 7
    assert set(world.minutes(20, 3400)) == {7}
    assert world.minutes(15, 1400)[-1] == 3


def test_an_endpoint_that_is_being_changed_is_left_alone_and_scaled_afterwards(world: World) -> None:
    assert world.variant is not None
    world.variant = replace(world.variant, changing=True)
    busy = world.minutes(5, 3500)
    world.variant = replace(world.variant, changing=False)

    assert set(busy) == {1}
    assert world.minutes(1, 3500) == [4]


def test_an_activity_is_in_progress_until_the_instances_serve(world: World) -> None:
    world.slow = True
    world.minutes(3, 3500)
    assert world.variant is not None
    before = dict(world.activities()[0])

    world.variant = replace(world.variant, serving=4, changing=False)
    world.service.look()

    assert (before["StatusCode"], "EndTime" in before) == ("InProgress", False)
    assert world.activities()[0]["StatusCode"] == "Successful"


def test_instances_that_do_not_become_healthy_fail_the_activity_and_start_no_cooldown(world: World) -> None:
    world.slow = True
    world.minutes(3, 3500)
    assert world.variant is not None

    world.variant, world.slow = replace(world.variant, desired=1, changing=False), False
    world.service.look()
    (failed,) = world.activities()

    assert failed["StatusCode"] == "Failed"
    assert "did not become healthy" in failed["StatusMessage"]
    assert world.minutes(1, 3500) == [4]


def test_an_activity_ends_with_its_variant_and_without_its_target(world: World) -> None:
    world.slow = True
    world.minutes(3, 3500)
    world("DeregisterScalableTarget")
    world.service.look()
    waiting = world.activities()[0]["StatusCode"]

    world.deleted = True
    world.service.look()

    assert waiting == "InProgress"
    assert world.activities()[0]["StatusCode"] == "Failed"
    assert "no longer exists" in world.activities()[0]["StatusMessage"]


def test_a_refusal_of_sagemaker_is_the_activitys_message(world: World) -> None:
    world.refusal = "The account-level service limit is 40 Instances"
    world.minutes(3, 3500)

    (failed,) = world.activities()
    assert failed["StatusCode"] == "Failed"
    assert failed["StatusMessage"].endswith("Reason: The account-level service limit is 40 Instances")


def test_shorter_periods_keep_the_targets_meaning_and_shorten_cooldowns() -> None:
    fast = World(period=2.0)
    fast.track(ScaleOutCooldown=600)

    # 3,500 a minute are 117 in two seconds; ten minutes of cooldown are twenty seconds.
    assert fast.minutes(3, 3500 / 30)[-1] == 4
    assert fast.minutes(9, 5000 / 30)[-1] == 4
    assert fast.minutes(1, 5000 / 30) == [5]


def test_cooldowns_and_activities_survive_a_restart_and_datapoints_do_not(world: World) -> None:
    world.track(ScaleOutCooldown=1200)
    world.minutes(3, 3500)
    activities, saved = world.activities(), world.service.save()

    world.service = ScalingService(world, Pace(60.0, lambda: world.now))
    world.service.load(saved)
    after = world.minutes(10, 5000)

    assert world.service.save()[0]["cooldowns"] == saved[0]["cooldowns"]
    assert world.activities() == activities
    assert set(after) == {4}
    assert world.minutes(10, 5000)[-1] == 5


def test_a_variant_that_does_not_serve_is_forgotten_until_it_does(world: World) -> None:
    world.minutes(2, 3500)
    serving, world.variant = world.variant, None
    world.now += 60
    world.service.look()
    world.variant = serving
    world.service.look()

    assert world.minutes(3, 3500) == [1, 1, 4]


def test_activities_are_found_by_their_resource_and_come_in_pages(world: World) -> None:
    world.minutes(3, 3500)
    world.minutes(15, 500)

    first = world("DescribeScalingActivities", MaxResults=1)
    second = world("DescribeScalingActivities", MaxResults=1, NextToken=first["NextToken"])

    assert [a["Description"][-2:] for page in (first, second) for a in page["ScalingActivities"]] == ["1.", "4."]
    assert world("DescribeScalingActivities", ResourceId="endpoint/e/variant/W")["ScalingActivities"] == []

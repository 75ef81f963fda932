"""The committed traffic shift, executed on the interpreter with a stub endpoint and a virtual clock."""

from __future__ import annotations

import pytest

from tests.workflows.stub_endpoint import StubEndpoint, plan_of, weights_of
from tests.workflows.virtual_run import Run

WORKFLOW = "traffic_shift"


def shift(case: str, *verdicts: str) -> tuple[StubEndpoint, Run]:
    aws = StubEndpoint(plan_of(case))
    aws.verdicts = list(verdicts)
    return aws, Run(WORKFLOW, aws)


def weights_set(aws: StubEndpoint) -> list[dict[str, float]]:
    return [
        weights_of(request["DesiredWeightsAndCapacities"])
        for request in aws.requests.get("updateEndpointWeightsAndCapacities", [])
    ]


def test_weights_are_set_at_once() -> None:
    aws, run = shift("shift-immediate")

    assert run.start().status == "SUCCEEDED"
    assert weights_set(aws) == [weights_of(aws.plan["weights"])]
    assert not {"JudgeTraffic", "putParameter", "updateEndpoint"} & set(aws.calls)
    assert [told["subject"] for told in aws.told] == ["Traffic shift: succeeded"]


def test_steps_are_walked_in_order_and_end_in_a_promotion() -> None:
    aws, run = shift("shift-stepped")
    steps = aws.plan["steps"]

    assert run.start().status == "SUCCEEDED"
    assert weights_set(aws) == [*(weights_of(step["weights"]) for step in steps), weights_of(aws.plan["weights"])]
    assert aws.active == aws.plan["version"]
    assert not aws.locked


def test_each_step_bakes_as_long_as_asked_and_is_judged_since_its_weights_were_set() -> None:
    aws, run = shift("shift-stepped")
    run.start()

    baked = sum(step["bakeSeconds"] for step in aws.plan["steps"])
    judged = [request["Payload"]["since"] for request in aws.requests["JudgeTraffic"]]

    assert baked <= run.seconds <= baked + 60
    assert len(set(judged)) == len(aws.plan["steps"])
    assert aws.requests["JudgeTraffic"][0]["Payload"]["plan"] == aws.plan


@pytest.mark.parametrize("seconds", [1, 29, 30, 31, 300, 604_800])
def test_a_bake_of_any_length_takes_its_time_and_few_looks(seconds: int) -> None:
    aws, run = shift("shift-stepped")
    aws.plan["steps"] = [{**aws.plan["steps"][0], "bakeSeconds": seconds}]

    assert run.start().status == "SUCCEEDED"
    assert seconds <= run.seconds <= seconds + 30
    assert 1 <= aws.calls.count("JudgeTraffic") <= 16


def test_fifty_steps_of_a_week_fit_into_the_history_of_an_execution() -> None:
    aws, run = shift("shift-stepped")
    aws.plan["steps"] = [{**aws.plan["steps"][0], "bakeSeconds": 604_800}] * 5

    assert run.start().status == "SUCCEEDED"
    assert 10 * len(list(run.journal)) < 25_000


@pytest.mark.parametrize("looks", [0, 1, 4, 5])
def test_a_broken_guard_rail_stops_the_steps_and_restores_the_weights(looks: int) -> None:
    aws, run = shift("shift-stepped", *["go-on"] * looks, "roll-back")
    before = aws.served

    outcome = run.start()

    assert (outcome.status, outcome.error, outcome.cause) == (
        "FAILED",
        "GuardRailBroken",
        "the judge says roll-back",
    )
    assert aws.served == before
    assert aws.calls.count("JudgeTraffic") == looks + 1
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Traffic shift: failed"]


def test_a_guard_rail_that_breaks_early_does_not_wait_for_the_end_of_a_long_bake() -> None:
    aws, run = shift("shift-stepped", "roll-back")
    aws.plan["steps"] = [{**aws.plan["steps"][0], "bakeSeconds": 86_400}]

    assert run.start().error == "GuardRailBroken"
    assert run.seconds < 120


def test_a_comparison_goes_on_until_it_promotes() -> None:
    aws, run = shift("shift-automatic", "go-on", "go-on", "promote")

    assert run.start().status == "SUCCEEDED"
    assert weights_set(aws) == [weights_of(aws.plan["steps"][0]["weights"]), weights_of(aws.plan["weights"])]
    assert aws.active == aws.plan["version"]
    assert len({request["Payload"]["since"] for request in aws.requests["JudgeTraffic"]}) == 1


def test_a_comparison_that_the_challenger_loses_takes_its_traffic_away_and_is_a_success() -> None:
    aws, run = shift("shift-automatic", "go-on", "roll-back")
    active = aws.active

    outcome = run.start()

    assert outcome.status == "SUCCEEDED"
    assert outcome.output["outcome"] == "rolled-back"
    assert aws.weights == weights_of(aws.plan["rollBack"])
    assert aws.active == active
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Traffic shift: rolled back"]


def test_a_comparison_of_a_week_that_is_looked_at_every_second_fits_into_the_history_of_an_execution() -> None:
    looks = 1_100  # the waits grow by a second each: 7 days
    aws, run = shift("shift-automatic", *["go-on"] * looks, "roll-back")
    aws.plan["checkSeconds"] = 1

    assert run.start().status == "SUCCEEDED"
    assert run.seconds >= 604_800
    assert len(list(run.journal)) < 25_000


@pytest.mark.parametrize("case", ["shift-immediate", "shift-stepped", "shift-automatic"])
@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("updateEndpointWeightsAndCapacities", "SageMaker.ResourceNotFoundException"),
        ("describeEndpoint", "SageMaker.ResourceNotFoundException"),
        ("JudgeTraffic", "InvalidOutcomes"),
        ("putParameter", "Ssm.ParameterLimitExceededException"),
    ],
)
def test_a_failure_at_any_step_restores_the_weights_and_the_active_version(case: str, step: str, error: str) -> None:
    aws, run = shift(case, *["promote"] * 20)
    before = aws.served
    aws.fail(step, error, "the reason", times=1)

    outcome = run.start()

    if step not in aws.calls:
        assert outcome.status == "SUCCEEDED", "this shift has no such step"
        return
    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", error, "the reason")
    assert aws.served == before
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Traffic shift: failed"]


def test_weights_wait_for_the_end_of_a_change_that_scaling_makes() -> None:
    aws, run = shift("shift-stepped")
    aws.status, aws.updating = "Updating", 5

    assert run.start().status == "SUCCEEDED"


def test_a_refused_shift_changes_nothing() -> None:
    aws, run = shift("shift-immediate")
    aws.fail("PlanDeployment", "InvalidDeployment", "weights.ModelC: unknown key")

    outcome = run.start()

    assert (outcome.error, outcome.cause) == ("InvalidDeployment", "weights.ModelC: unknown key")
    assert aws.calls == ["PlanDeployment", "publish", "HaltRun"]


def test_a_redrive_walks_all_steps_again() -> None:
    aws, run = shift("shift-stepped", "go-on", "roll-back")

    assert run.start().status == "FAILED"
    aws.verdicts = []
    assert run.redrive().status == "SUCCEEDED"
    assert weights_set(aws)[-3:] == [
        *(weights_of(step["weights"]) for step in aws.plan["steps"]),
        weights_of(aws.plan["weights"]),
    ]

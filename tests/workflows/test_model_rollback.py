"""The committed rollback, executed on the interpreter with a stub endpoint and a virtual clock."""

from __future__ import annotations

import pytest

from tests.workflows.stub_endpoint import StubEndpoint, plan_of, weights_of
from tests.workflows.virtual_run import Run

WORKFLOW = "model_rollback"
BY_HAND = {
    "source": "aws.ssm",
    "detail-type": "Parameter Store Change",
    "detail": {"name": "/ml-pipeline/models/active-version", "operation": "Update"},
}


def rollback(case: str, given: object = None) -> tuple[StubEndpoint, Run]:
    aws = StubEndpoint(plan_of(case))
    return aws, Run(WORKFLOW, aws, given)


def test_a_warm_version_is_one_shift_of_weights_away() -> None:
    aws, run = rollback("rollback-warm")

    assert run.start().status == "SUCCEEDED"
    assert aws.served == (aws.plan["previous"]["config"], weights_of(aws.plan["weights"]), aws.plan["version"])
    assert not {"createModel", "createEndpointConfig", "updateEndpoint", "SmokeTest"} & set(aws.calls)
    assert run.seconds < 60
    assert [told["subject"] for told in aws.told] == ["Model rollback: succeeded"]


def test_a_warm_version_serves_within_a_minute_though_a_shift_of_weights_takes_half_of_it() -> None:
    aws, run = rollback("rollback-warm")
    aws.looks = 8  # 36 seconds

    assert run.start().status == "SUCCEEDED"
    assert run.seconds < 60


def test_traffic_moves_before_the_version_becomes_active() -> None:
    """Its event would start a second rollback otherwise, which would find something to do."""
    aws, run = rollback("rollback-warm")
    run.start()

    assert aws.calls.index("updateEndpointWeightsAndCapacities") < aws.calls.index("putParameter")


def test_a_cold_version_gets_the_configuration_that_is_kept_for_it() -> None:
    aws, run = rollback("rollback-cold")

    assert run.start().status == "SUCCEEDED"
    assert aws.served == (
        aws.plan["update"]["EndpointConfigName"],
        weights_of(aws.plan["weights"]),
        aws.plan["version"],
    )
    assert aws.made == []


def test_a_version_without_a_kept_configuration_gets_a_new_one() -> None:
    aws, run = rollback("rollback-nothing-kept")

    assert run.start().status == "SUCCEEDED"
    assert aws.made == [aws.plan["model"]["ModelName"], aws.plan["config"]["EndpointConfigName"]]
    assert aws.active == aws.plan["version"]


def test_a_version_that_was_set_by_hand_gets_its_traffic_and_is_not_set_again() -> None:
    aws, run = rollback("rollback-by-hand", BY_HAND)

    assert run.start().status == "SUCCEEDED"
    assert aws.weights == weights_of(aws.plan["weights"])
    assert "putParameter" not in aws.calls
    assert aws.requests["PlanDeployment"][0]["Payload"]["input"] == BY_HAND


@pytest.mark.parametrize("step", ["updateEndpointWeightsAndCapacities", "describeEndpoint"])
def test_a_version_that_was_set_by_hand_and_cannot_be_served_is_unset(step: str) -> None:
    aws, run = rollback("rollback-by-hand", BY_HAND)
    weights = aws.weights
    aws.fail(step, "SageMaker.ResourceNotFoundException", times=1)

    assert run.start().status == "FAILED"
    assert aws.active == aws.plan["activeVersion"]["before"]
    assert aws.weights == weights


def test_a_mistake_of_who_set_the_version_by_hand_is_reported_and_nothing_is_touched() -> None:
    aws, run = rollback("rollback-by-hand", BY_HAND)
    aws.active = "v22"
    before = aws.served
    cause = "the parameter says 'v22'; registered are v1, v2. v2 is served as before; the parameter is left as it is"
    aws.fail("PlanDeployment", "NoSuchVersion", cause)

    outcome = run.start()

    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "NoSuchVersion", cause)
    assert aws.calls == ["PlanDeployment", "publish", "HaltRun"]
    assert aws.served == before == (aws.plan["previous"]["config"], aws.weights, "v22")
    (told,) = aws.told
    assert told["subject"] == "Model rollback: failed"
    assert told["message"]["failure"] == {"Error": "NoSuchVersion", "Cause": cause}
    assert run.seconds < 5


def test_the_news_of_a_version_that_a_deployment_activated_changes_nothing_and_tells_nobody() -> None:
    aws, run = rollback("rollback-no-op", BY_HAND)
    # Who finds nothing to do has not taken the lock, which may be a deployment's.
    aws.takes_lock = False

    assert run.start().status == "SUCCEEDED"
    assert aws.calls == ["PlanDeployment", "SettleDeployment"]


def test_a_rollback_that_stopped_a_deployment_and_found_the_old_version_serving_is_told() -> None:
    aws, run = rollback("rollback-no-op")

    assert run.start().status == "SUCCEEDED"
    assert aws.calls == ["PlanDeployment", "SettleDeployment", "publish"]
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Model rollback: nothing to do"]


@pytest.mark.parametrize("case", ["rollback-warm", "rollback-cold", "rollback-nothing-kept"])
@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("createModel", "SageMaker.ResourceLimitExceededException"),
        ("createEndpointConfig", "SageMaker.ResourceLimitExceededException"),
        ("updateEndpoint", "SageMaker.ResourceLimitExceededException"),
        ("SmokeTest", "SmokeTestFailed"),
        ("updateEndpointWeightsAndCapacities", "SageMaker.ResourceNotFoundException"),
        ("putParameter", "Ssm.ParameterLimitExceededException"),
    ],
)
def test_a_failure_at_any_step_restores_what_served_before(case: str, step: str, error: str) -> None:
    aws, run = rollback(case)
    before = aws.served
    aws.fail(step, error, "the reason", times=1)

    outcome = run.start()

    if step not in aws.calls:
        assert outcome.status == "SUCCEEDED", "this rollback has no such step"
        return
    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", error, "the reason")
    assert aws.served == before
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Model rollback: failed"]


def test_a_rollback_waits_for_the_update_that_the_stopped_deployment_left_behind() -> None:
    aws, run = rollback("rollback-warm")
    aws.fail("PlanDeployment", "EndpointBusy", "the endpoint is Updating", times=60)

    assert run.start().status == "SUCCEEDED"
    assert run.seconds > 10 * 60


def test_an_endpoint_that_never_comes_to_rest_fails_the_rollback_after_about_an_hour_by_its_name() -> None:
    aws, run = rollback("rollback-warm")
    aws.fail("PlanDeployment", "EndpointBusy", "the endpoint is Updating")

    outcome = run.start()

    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "EndpointBusy", "the endpoint is Updating")
    assert 45 * 60 < run.seconds < 90 * 60


@pytest.mark.parametrize("error", ["InvalidDeployment", "InvalidRegistration", "NothingToRollBackTo", "NoSuchVersion"])
def test_a_refused_rollback_changes_nothing(error: str) -> None:
    aws, run = rollback("rollback-warm")
    aws.fail("PlanDeployment", error)

    assert run.start().error == error
    assert aws.calls == ["PlanDeployment", "publish", "HaltRun"]


def test_a_redrive_begins_anew() -> None:
    aws, run = rollback("rollback-cold")
    aws.fail("SmokeTest", "SmokeTestFailed", times=1)

    assert [run.start().status, run.redrive().status] == ["FAILED", "SUCCEEDED"]
    assert aws.active == aws.plan["version"]

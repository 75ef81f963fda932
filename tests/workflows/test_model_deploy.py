"""The committed deployment, executed on the interpreter with a stub endpoint and a virtual clock."""

from __future__ import annotations

import pytest

from tests.workflows.stub_endpoint import StubEndpoint, plan_of, weights_of
from tests.workflows.virtual_run import Run
from workflows.interpreter import Outcome

WORKFLOW = "model_deploy"
CHANGES = ("updateEndpoint", "updateEndpointWeightsAndCapacities", "putParameter")
#: Each call of a deployment, with an error that no retry mends, and whether the endpoint was changed before.
STEPS = (
    ("createModel", "SageMaker.ResourceLimitExceededException", False),
    ("createEndpointConfig", "SageMaker.ResourceLimitExceededException", False),
    ("updateEndpoint", "SageMaker.ResourceLimitExceededException", True),
    ("SmokeTest", "SmokeTestFailed", True),
    ("updateEndpointWeightsAndCapacities", "SageMaker.ResourceNotFoundException", True),
    ("putParameter", "Ssm.ParameterLimitExceededException", True),
)


def deployment(case: str = "deploy-champion") -> tuple[StubEndpoint, Run]:
    aws = StubEndpoint(plan_of(case))
    return aws, Run(WORKFLOW, aws)


def changes(aws: StubEndpoint) -> list[str]:
    return [call for call in aws.calls if call in CHANGES]


def test_a_champion_is_tested_gets_all_traffic_and_becomes_active() -> None:
    aws, run = deployment()

    outcome = run.start()

    assert outcome.status == "SUCCEEDED"
    assert outcome.output["outcome"] == "succeeded"
    assert aws.served == (
        aws.plan["config"]["EndpointConfigName"],
        weights_of(aws.plan["weights"]),
        aws.plan["version"],
    )
    assert changes(aws) == list(CHANGES)
    assert aws.calls.index("updateEndpoint") < aws.calls.index("SmokeTest") < aws.calls.index(CHANGES[1])
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Model deployment: succeeded"]


def test_a_challenger_gets_its_share_and_the_active_version_stays() -> None:
    aws, run = deployment("deploy-challenger")

    assert run.start().status == "SUCCEEDED"
    assert aws.weights == weights_of(aws.plan["weights"])
    assert "putParameter" not in aws.calls


def test_an_update_keeps_the_instances_that_scaling_chose_and_takes_the_weights_of_the_configuration() -> None:
    aws, run = deployment()
    run.start()

    (update,) = aws.requests["updateEndpoint"]
    assert update == {**aws.plan["update"], "EndpointName": "${EndpointName}"}


def test_model_and_configuration_are_created_as_planned() -> None:
    aws, run = deployment()
    run.start()

    assert aws.requests["createModel"] == [aws.plan["model"]]
    assert aws.requests["createEndpointConfig"] == [aws.plan["config"]]


def test_instances_without_volumes_of_ours_get_a_configuration_without_a_key() -> None:
    aws, run = deployment()
    del aws.plan["config"]["KmsKeyId"]

    assert run.start().status == "SUCCEEDED"
    assert aws.requests["createEndpointConfig"] == [aws.plan["config"]]


@pytest.mark.parametrize(("step", "error", "changed"), STEPS)
def test_a_failure_at_any_step_restores_what_served_before(step: str, error: str, changed: bool) -> None:
    aws, run = deployment()
    before = aws.served
    aws.fail(step, error, "the reason", times=1)

    outcome = run.start()

    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", error, "the reason")
    assert aws.served == before
    assert not aws.locked
    assert [told["subject"] for told in aws.told] == ["Model deployment: failed"]
    assert aws.told[0]["message"]["failure"] == {"Error": error, "Cause": "the reason"}
    assert aws.told[0]["message"].get("unrestored", {}) == {}
    assert ("updateEndpointWeightsAndCapacities" in aws.calls) is changed
    assert aws.requests["SettleDeployment"][-1]["Payload"]["outcome"] == "failed"


def test_a_failed_smoke_test_gives_the_new_model_no_traffic_and_takes_it_away() -> None:
    aws, run = deployment()
    aws.fail("SmokeTest", "SmokeTestFailed")

    run.start()

    first = aws.plan["previous"]["config"]
    assert [u["EndpointConfigName"] for u in aws.requests["updateEndpoint"]] == [aws.made[1], first]
    (weights,) = aws.requests["updateEndpointWeightsAndCapacities"]
    assert weights["DesiredWeightsAndCapacities"] == aws.plan["previous"]["weights"]


def test_an_active_version_that_may_be_set_is_put_back() -> None:
    """The call fails after it had its effect: its answer was lost."""
    aws, run = deployment()
    before = aws.active
    aws.fail("putParameter", "Ssm.ParameterLimitExceededException", times=1)
    aws.active = aws.plan["version"]

    run.start()

    assert [put["Value"] for put in aws.requests["putParameter"]] == [aws.plan["version"], before]
    assert aws.active == before


def test_a_version_that_nobody_activated_is_not_put_back_for_that_would_be_news() -> None:
    aws, run = deployment()
    aws.fail("SmokeTest", "SmokeTestFailed")

    run.start()

    assert "putParameter" not in aws.calls


def test_an_update_that_sagemaker_took_back_silently_is_noticed() -> None:
    aws, run = deployment()
    before = aws.served
    aws.rolls_back = {aws.plan["config"]["EndpointConfigName"]}
    aws.reason = "the container of ModelB did not pass the ping health check"

    outcome = run.start()

    assert (outcome.status, outcome.error) == ("FAILED", "EndpointUpdateFailed")
    assert "ping health check" in str(outcome.cause)
    assert aws.plan["config"]["EndpointConfigName"] in str(outcome.cause)
    assert aws.served == before
    assert "SmokeTest" not in aws.calls
    assert len(aws.requests["updateEndpoint"]) == 1, "it has the former configuration already"


def test_an_update_without_end_fails_after_more_than_an_hour_and_what_could_not_be_put_back_is_told() -> None:
    aws, run = deployment()
    aws.looks = 10_000

    outcome = run.start()

    assert outcome.error == "EndpointUpdateTimedOut"
    assert run.seconds > 3600
    assert len(list(run.journal)) < 25_000
    assert set(aws.told[0]["message"]["unrestored"]) == {"endpoint", "weights"}
    assert not aws.locked


def test_an_update_of_minutes_is_waited_for_with_few_looks() -> None:
    aws, run = deployment()
    aws.looks = 40  # 14 minutes

    assert run.start().status == "SUCCEEDED"
    assert 12 * 60 < run.seconds < 45 * 60


def test_an_endpoint_that_scaling_is_changing_is_waited_for() -> None:
    aws, run = deployment()
    aws.status, aws.updating = "Updating", 3

    assert run.start().status == "SUCCEEDED"


@pytest.mark.parametrize("broken", ["updateEndpoint", "updateEndpointWeightsAndCapacities", "describeEndpoint"])
def test_what_cannot_be_restored_is_told_and_does_not_hide_the_first_error(broken: str) -> None:
    aws, run = deployment()
    aws.fail("SmokeTest", "SmokeTestFailed", "record 3")
    aws.fail(broken, "SageMaker.ResourceNotFoundException", after="SmokeTest")

    outcome = run.start()

    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "SmokeTestFailed", "record 3")
    assert aws.told[0]["message"]["unrestored"]
    assert all(
        e["Error"] == "SageMaker.ResourceNotFoundException" for e in aws.told[0]["message"]["unrestored"].values()
    )
    assert not aws.locked


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("PlanDeployment", "ServiceUnavailable"),
        ("PlanDeployment", "Lambda.TooManyRequestsException"),
        ("createModel", "SageMaker.SageMakerException"),
        ("createEndpointConfig", "SageMaker.SageMakerException"),
        ("updateEndpoint", "SageMaker.SageMakerException"),
        ("describeEndpoint", "SageMaker.SageMakerException"),
        ("SmokeTest", "EndpointUnavailable"),
        ("updateEndpointWeightsAndCapacities", "SageMaker.SageMakerException"),
        ("putParameter", "Ssm.ThrottlingException"),
        ("putParameter", "Ssm.SsmException"),
        ("putParameter", "Ssm.TooManyUpdatesException"),
        ("SettleDeployment", "ServiceUnavailable"),
        ("publish", "SNS.KMSThrottlingException"),
    ],
)
def test_a_transient_error_is_retried_until_it_passes(step: str, error: str) -> None:
    aws, run = deployment()
    aws.fail(step, error, times=5)

    assert run.start().status == "SUCCEEDED"
    assert aws.active == aws.plan["version"]


def test_who_plans_while_the_endpoint_is_updated_tries_again_for_as_long_as_that_may_take() -> None:
    aws, run = deployment()
    aws.fail("PlanDeployment", "EndpointBusy", times=100)

    assert run.start().status == "SUCCEEDED"
    assert run.seconds > 20 * 60


@pytest.mark.parametrize("given", [{}, {"Comment": "Insert your JSON here"}, {"verson": "v2"}, [1], "v2"])
def test_a_refused_input_changes_nothing_and_fails_under_its_own_error_after_telling(given: object) -> None:
    aws = StubEndpoint(plan_of("deploy-champion"))
    run = Run(WORKFLOW, aws, given)
    aws.fail("PlanDeployment", "InvalidDeployment", "version: unknown key")

    outcome = run.start()

    assert outcome == Outcome("FAILED", error="InvalidDeployment", cause="version: unknown key")
    assert aws.calls == ["PlanDeployment", "publish", "HaltRun"]
    assert aws.requests["PlanDeployment"][0]["Payload"]["input"] == run.input


def test_the_plan_is_asked_for_with_the_input_as_it_came_and_the_execution_that_wants_the_lock() -> None:
    aws = StubEndpoint(plan_of("deploy-champion"))
    run = Run(WORKFLOW, aws, {"version": "v2"})
    run.start()

    assert aws.requests["PlanDeployment"][0]["Payload"] == {
        "kind": "deploy",
        "input": {"version": "v2"},
        "execution": {"id": run.journal.execution_arn, "name": "run-1", "startTime": "2030-01-01T00:00:00.000Z"},
    }


def test_a_topic_out_of_reach_does_not_hide_why_a_deployment_failed() -> None:
    aws, run = deployment()
    aws.fail("SmokeTest", "SmokeTestFailed", "record 3")
    aws.fail("publish", "SNS.AuthorizationErrorException")

    assert run.start().error == "SmokeTestFailed"


def test_what_is_served_as_planned_is_not_taken_back_because_nobody_could_be_told() -> None:
    aws, run = deployment()
    aws.fail("publish", "SNS.AuthorizationErrorException")

    outcome = run.start()

    assert outcome.status == "SUCCEEDED"
    assert outcome.output["untold"]["Error"] == "SNS.AuthorizationErrorException"
    assert aws.active == aws.plan["version"]


def test_what_is_served_as_planned_is_not_taken_back_because_the_lock_could_not_be_given_back() -> None:
    aws, run = deployment()
    aws.fail("SettleDeployment", "AccessRefused")

    outcome = run.start()

    assert outcome.status == "SUCCEEDED"
    assert outcome.output["unsettled"]["Error"] == "AccessRefused"
    assert aws.told[0]["message"] == outcome.output
    assert aws.active == aws.plan["version"]


def test_a_failed_deployment_that_cannot_be_settled_is_told_and_fails_under_its_first_error() -> None:
    aws, run = deployment()
    aws.fail("SmokeTest", "SmokeTestFailed")
    aws.fail("SettleDeployment", "AccessRefused")

    assert run.start().error == "SmokeTestFailed"
    assert aws.told[0]["message"]["unsettled"]["Error"] == "AccessRefused"


def test_a_redrive_begins_anew_with_a_plan_of_its_own() -> None:
    aws, run = deployment()
    aws.fail("SmokeTest", "SmokeTestFailed", times=1)

    assert run.start().status == "FAILED"
    redriven = run.redrive()

    assert redriven.status == "SUCCEEDED"
    assert aws.calls.count("PlanDeployment") == 2
    assert aws.active == aws.plan["version"]


def test_a_redrive_of_a_refused_deployment_begins_anew_too() -> None:
    aws, run = deployment()
    aws.fail("PlanDeployment", "DeploymentInProgress", times=1)

    assert [run.start().status, run.redrive().status] == ["FAILED", "SUCCEEDED"]

"""The end of a deployment: which configurations and models go, and who gives the lock back."""

from __future__ import annotations

import pytest

from tasks.errors import ServiceUnavailable
from tests.tasks.deployments import FIRST_CONFIG, FIRST_MODEL, execution, failure, fresh


@pytest.fixture
def house(world):
    house = fresh(world)
    house.register(*(f"v{number}" for number in range(2, 10)))
    return house


def configs(house):
    """What the configurations that are left brought in, * in use; those of CloudFormation aside."""
    return [
        house.sagemaker.models[each["ModelName"]]["PrimaryContainer"]["Environment"]["ML_PIPELINE_MODEL_VERSION"]
        + ("*" if name == house.sagemaker.endpoint["EndpointConfigName"] else "")
        for name, config in house.sagemaker.configs.items()
        if name != FIRST_CONFIG
        for each in config["ProductionVariants"]
        if each["InitialVariantWeight"] == 0
    ]


def test_the_one_in_use_and_the_last_five_are_kept(house):
    house.deploy(*(f"v{number}" for number in range(2, 10)))

    assert configs(house) == ["v4", "v5", "v6", "v7", "v8", "v9*"]


def test_models_go_with_the_configurations_that_named_them(house):
    house.deploy(*(f"v{number}" for number in range(2, 10)))

    named = {each["ModelName"] for config in house.sagemaker.configs.values() for each in config["ProductionVariants"]}
    assert set(house.sagemaker.models) == named


def test_what_cloudformation_made_is_never_deleted(house):
    house.deploy(*(f"v{number}" for number in range(2, 10)))

    assert FIRST_CONFIG in house.sagemaker.configs
    assert FIRST_MODEL in house.sagemaker.models


def test_of_configurations_with_the_same_versions_the_newest_is_kept(house):
    house.run("deploy", {"version": "v2", "role": "challenger"}, name="one")
    house.run("deploy", {"version": "v3", "role": "challenger"}, name="two")
    first = house.sagemaker.endpoint["EndpointConfigName"]
    house.run("deploy", {"version": "v2", "role": "challenger"}, name="three")
    house.run("deploy", {"version": "v3", "role": "challenger"}, name="four")

    assert configs(house) == ["v2", "v3*"]
    assert first not in house.sagemaker.configs


def test_a_deployment_that_failed_leaves_no_configuration_and_no_model(house):
    before = set(house.sagemaker.models), set(house.sagemaker.configs)
    plan = house.plan("deploy", {"version": "v2"})
    house.sagemaker.create_model(**plan["model"])
    house.sagemaker.create_endpoint_config(**plan["config"])

    summary = house.settle(plan, "failed")

    assert (set(house.sagemaker.models), set(house.sagemaker.configs)) == before
    assert set(summary["pruned"]) == {plan["model"]["ModelName"], plan["config"]["EndpointConfigName"]}


def test_a_configuration_that_the_endpoint_is_changing_to_is_kept(house):
    plan = house.plan("deploy", {"version": "v2"})
    house.sagemaker.create_model(**plan["model"])
    house.sagemaker.create_endpoint_config(**plan["config"])
    name = plan["config"]["EndpointConfigName"]
    house.sagemaker.endpoint |= {
        "EndpointStatus": "Updating",
        "PendingDeploymentSummary": {"EndpointConfigName": name},
    }

    assert house.settle(plan, "failed")["pruned"] == []
    assert name in house.sagemaker.configs


def test_the_summary_says_what_is_served(house):
    plan = house.plan("deploy", {"version": "v2"})
    house.carry_out(plan)

    summary = house.settle(plan, "succeeded")

    assert summary == {
        "id": "run-1",
        "kind": "deploy",
        "version": "v2",
        "execution": execution().arn,
        "startedAt": "2026-11-23T10:15:00.000Z",
        "outcome": "succeeded",
        "served": {
            "endpoint": plan["endpoint"],
            "config": plan["config"]["EndpointConfigName"],
            "variants": {
                "ModelA": {"version": "v1", "weight": 0.0},
                "ModelB": {"version": "v2", "weight": 100.0},
            },
        },
        "pruned": [],
        "notPruned": None,
        "released": True,
    }
    assert house.lock.hold() is None


def test_settled_twice_is_settled_once(house):
    plan = house.run("deploy", {"version": "v2"})

    assert house.settle(plan)["released"] is False


def test_whoever_lost_the_lock_changes_nothing(house):
    stopped = house.plan("deploy", {"version": "v2"})
    house.sagemaker.create_model(**stopped["model"])
    rollback = house.plan("rollback", {"version": "v1"}, execution("back"))

    summary = house.settle(stopped, "failed")

    assert (summary["released"], summary["pruned"]) == (False, [])
    assert stopped["model"]["ModelName"] in house.sagemaker.models
    assert house.lock.hold().execution == rollback["execution"]


def test_what_cannot_be_deleted_is_said_and_does_not_keep_the_lock(house, monkeypatch):
    plan = house.plan("deploy", {"version": "v2"})
    house.sagemaker.create_model(**plan["model"])

    def refuse(ModelName):  # noqa: N803
        raise failure("AccessDeniedException", "no")

    monkeypatch.setattr(house.sagemaker, "delete_model", refuse)
    summary = house.settle(plan, "failed")

    assert summary["notPruned"].startswith("not allowed to delete model ml-pipeline-sagemaker-model-dev")
    assert house.lock.hold() is None


def test_while_sagemaker_throttles_the_lock_is_kept_for_the_next_attempt(house, monkeypatch):
    plan = house.plan("deploy", {"version": "v2"})
    house.sagemaker.create_model(**plan["model"])

    def throttle(ModelName):  # noqa: N803
        raise failure("ThrottlingException", "later")

    monkeypatch.setattr(house.sagemaker, "delete_model", throttle)
    with pytest.raises(ServiceUnavailable):
        house.settle(plan, "failed")
    assert house.lock.hold().execution == plan["execution"]

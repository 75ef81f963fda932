"""Plans of deployments, rollbacks and shifts: what they say, and what is served when they are carried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.deployment.lock import Hold
from tasks.errors import (
    ArtifactMissing,
    ArtifactTampered,
    DeploymentInProgress,
    EndpointBusy,
    EndpointUnavailable,
    GoldenRecordsDiffer,
    InvalidDeployment,
    InvalidRegistration,
    NoSuchVersion,
    NothingToRollBackTo,
)
from tests.tasks.deployments import ENDPOINT, FIRST_CONFIG, FIRST_MODEL, ROOT, execution, fresh, weights
from tests.tasks.test_deployment_request import CHANGED

PLANS = Path(__file__).parent / "plans"
EVEN = {"ModelA": 50, "ModelB": 50}


@pytest.fixture
def house(world):
    house = fresh(world)
    house.register("v2", "v3", "v4")
    return house


def by_hand(house, version):
    house.world.registry._ssm.put_parameter(Name=f"{ROOT}/active-version", Value=version, Type="String", Overwrite=True)
    return CHANGED


def busy(house):
    house.sagemaker.endpoint["EndpointStatus"] = "Updating"


# The plans that the tests of the workflows run with


def _deploy_champion(house):
    return house.plan("deploy", {"version": "v2"})


def _deploy_challenger(house):
    return house.plan("deploy", {"version": "v2", "role": "challenger"})


def _deploy_what_is_served(house):
    return house.plan("deploy", {"version": "v1"})


def _rollback_warm(house):
    house.deploy("v2")
    return house.plan("rollback", {}, execution(workflow="model-rollback"))


def _rollback_by_hand(house):
    house.deploy("v2")
    return house.plan("rollback", by_hand(house, "v1"), execution(workflow="model-rollback"))


def _rollback_cold(house):
    house.deploy("v2", "v3", "v4")
    return house.plan("rollback", {"version": "v2"}, execution(workflow="model-rollback"))


def _rollback_nothing_kept(house):
    return house.plan("rollback", {"version": "v4"}, execution(workflow="model-rollback"))


def _rollback_no_op(house):
    return house.plan("rollback", CHANGED, execution(workflow="model-rollback"))


def _shift_immediate(house):
    return house.plan("shift", {"weights": EVEN}, execution(workflow="traffic-shift"))


def _with_challenger(house):
    house.run("deploy", {"version": "v2", "role": "challenger"}, name="deploy-v2")


def _shift_stepped(house):
    _with_challenger(house)
    steps = [
        {"weights": EVEN, "bakeSeconds": 300},
        {"weights": {"ModelA": 10, "ModelB": 90}, "bakeSeconds": 600},
    ]
    return house.plan("shift", {"steps": steps}, execution(workflow="traffic-shift"))


def _shift_automatic(house):
    _with_challenger(house)
    return house.plan("shift", {"automatic": True, "weights": EVEN}, execution(workflow="traffic-shift"))


CASES = {
    name.strip("_").replace("_", "-"): case
    for name, case in list(globals().items())
    if name.startswith(("_deploy", "_rollback", "_shift"))
}


@pytest.mark.parametrize("name", CASES)
def test_the_function_gives_the_plans_that_the_workflows_are_tested_with(house, name):
    plan = CASES[name](house)

    assert json.loads(json.dumps(plan)) == json.loads((PLANS / f"{name}.json").read_text())


def test_every_plan_of_the_workflows_tests_has_its_case():
    assert {path.stem for path in PLANS.glob("*.json")} == CASES.keys()


# Deployments


def test_a_champion_goes_into_the_variant_of_the_challenger_and_gets_everything(house):
    house.run("deploy", {"version": "v2"})

    assert house.served() == {"ModelA": ("v1", 0.0), "ModelB": ("v2", 100.0)}
    assert house.world.registry.active() == "v2"


def test_champions_go_into_the_variants_in_turn_so_that_the_one_before_stays_warm(house):
    house.deploy("v2", "v3")

    assert house.served() == {"ModelA": ("v3", 100.0), "ModelB": ("v2", 0.0)}


def test_a_version_gets_no_traffic_before_it_is_tested(house):
    plan = house.plan("deploy", {"version": "v2"})
    house.sagemaker.create_model(**plan["model"])
    house.sagemaker.create_endpoint_config(**plan["config"])
    house.sagemaker.update_endpoint(**plan["update"])

    assert house.served() == {"ModelA": ("v1", 100.0), "ModelB": ("v2", 0.0)}
    assert (plan["variant"], plan["version"]) == ("ModelB", "v2")


def test_a_challenger_gets_its_share_and_leaves_the_active_version_alone(house):
    house.run("deploy", {"version": "v2", "role": "challenger", "sharePercent": 5})

    assert house.served() == {"ModelA": ("v1", 95.0), "ModelB": ("v2", 5.0)}
    assert house.world.registry.active() == "v1"


def test_another_challenger_replaces_the_challenger(house):
    _with_challenger(house)
    house.run("deploy", {"version": "v3", "role": "challenger"}, name="deploy-v3")

    assert house.served() == {"ModelA": ("v1", 80.0), "ModelB": ("v3", 20.0)}


def test_a_warm_version_is_deployed_by_its_weights_alone_but_tested(house):
    _with_challenger(house)

    plan = house.run("deploy", {"version": "v2"})

    assert plan["needs"] == {"model": False, "config": False, "update": False, "weights": True, "activate": True}
    assert plan["variant"] == "ModelB"
    assert house.served() == {"ModelA": ("v1", 0.0), "ModelB": ("v2", 100.0)}


def test_a_version_with_another_image_than_the_warm_one_gets_a_new_model(house):
    _with_challenger(house)
    house.world.registry.complete("v2", "000000000000.dkr.ecr.us-east-1.amazonaws.com/assets:two")

    plan = house.run("deploy", {"version": "v2"})

    assert plan["model"]["PrimaryContainer"]["Image"].endswith("assets:two")
    assert plan["needs"]["update"]


def test_the_champion_cannot_be_its_own_challenger(house):
    with pytest.raises(
        InvalidDeployment, match=r"v1 is the champion \(ModelA\); its challenger must be another version"
    ):
        house.plan("deploy", {"version": "v1", "role": "challenger"})
    assert house.lock.hold() is None


def test_without_a_version_the_one_that_was_created_last_is_deployed(house):
    assert house.plan("deploy")["version"] == "v4"


def test_a_new_configuration_is_the_served_one_with_another_model(house):
    house.sagemaker.configs[FIRST_CONFIG]["ProductionVariants"][0]["ContainerStartupHealthCheckTimeoutInSeconds"] = 90
    house.sagemaker.endpoint["ProductionVariants"][0]["DesiredInstanceCount"] = 4

    config = house.plan("deploy", {"version": "v2"})["config"]

    a, b = config["ProductionVariants"]
    assert (a["ModelName"], a["InitialInstanceCount"]) == (FIRST_MODEL, 4)
    assert a["ContainerStartupHealthCheckTimeoutInSeconds"] == 90
    assert a["InstanceType"] == b["InstanceType"] == "ml.c6i.large"
    assert config["KmsKeyId"] == house.sagemaker.configs[FIRST_CONFIG]["KmsKeyId"]


def test_the_number_of_instances_survives_a_deployment(house):
    house.sagemaker.endpoint["ProductionVariants"][0]["DesiredInstanceCount"] = 4

    house.deploy("v2")

    assert [each["DesiredInstanceCount"] for each in house.sagemaker.endpoint["ProductionVariants"]] == [4, 1]


def test_names_fit_whatever_the_version_is_called(house):
    house.register("a_very.long-version_id.of_more.than-sixty-characters_1234567890")

    plan = house.plan("deploy", {"version": "a_very.long-version_id.of_more.than-sixty-characters_1234567890"})

    house.carry_out(plan)  # SageMaker's own model of its API refuses a name that is too long, or has other characters
    assert len(plan["config"]["EndpointConfigName"]) <= 63


def test_the_same_execution_plans_the_same_and_another_one_makes_things_of_its_own(house):
    first = house.plan("deploy", {"version": "v2"})
    again = house.plan("deploy", {"version": "v2"})
    house.settle(first, "failed")
    other = house.plan("deploy", {"version": "v2"}, execution("run-2"))

    assert again == first
    assert other["model"]["ModelName"] != first["model"]["ModelName"]
    assert other["config"]["EndpointConfigName"] != first["config"]["EndpointConfigName"]


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda house: house.world.s3.delete_object(Bucket="models", Key="v2/model.tar.gz"), ArtifactMissing, "v2"),
        (
            lambda house: house.world.s3.put_object(Bucket="models", Key="v2/model.tar.gz", Body=b"other"),
            ArtifactTampered,
            "was registered",
        ),
    ],
)
def test_an_artifact_that_is_not_the_registered_one_is_refused_and_the_lock_given_back(house, spoil, error, message):
    spoil(house)

    with pytest.raises(error, match=message):
        house.plan("deploy", {"version": "v2"})
    assert house.lock.hold() is None


def test_a_version_without_golden_records_is_refused(world):
    house = fresh(world)
    from tasks.models.artifact import Artifact
    from tasks.storage import Location
    from tests.tasks.conftest import MODEL_TEXT, SIGNATURE, version_of

    version, body = version_of(Artifact(MODEL_TEXT, SIGNATURE, []), "v2")
    world.storage.write(Location.parse(version.artifact), body)
    world.registry.register(version)

    with pytest.raises(GoldenRecordsDiffer, match="version v2 has no golden records"):
        house.plan("deploy", {"version": "v2"})


def test_a_version_that_is_not_registered_is_refused_before_the_lock_is_touched(house):
    house.states.running.add("holder")
    house.lock.acquire(Hold("holder", "shift", "2026-11-23T10:00:00Z", None))

    with pytest.raises(NoSuchVersion, match="'v9' is not registered; registered are v1, v2, v3, v4"):
        house.plan("deploy", {"version": "v9"})
    with pytest.raises(NoSuchVersion):
        house.plan("rollback", {"version": "v9"})
    assert house.lock.hold().execution == "holder"
    assert not house.states.stopped


# One at a time


@pytest.mark.parametrize(("kind", "document"), [("deploy", {"version": "v3"}), ("shift", {"weights": EVEN})])
def test_a_deployment_while_another_runs_is_refused_naming_that(house, kind, document):
    first = house.plan("deploy", {"version": "v2"})

    with pytest.raises(
        DeploymentInProgress, match=r"model-deploy-dev-us-east-1:run-1 \(deploy of v2, since 2026-11-23T"
    ):
        house.plan(kind, document, execution("run-2"))
    assert house.lock.hold().execution == first["execution"]


def test_a_deployment_that_died_without_giving_the_lock_back_does_not_block_the_next(house):
    first = house.plan("deploy", {"version": "v2"})
    house.states.running.remove(first["execution"])

    second = house.plan("deploy", {"version": "v3"}, execution("run-2"))

    assert house.lock.hold().execution == second["execution"]
    assert house.settle(first)["released"] is False
    assert house.lock.hold().execution == second["execution"]


def test_a_rollback_stops_a_deployment_that_is_under_way_and_goes_back_to_what_is_active(house):
    house.deploy("v2")
    stuck = house.plan("deploy", {"version": "v3"}, execution("stuck"))

    plan = house.plan("rollback", {}, execution(workflow="model-rollback"))

    assert house.states.stopped[stuck["execution"]].startswith("RolledBack: a rollback took over")
    assert plan["version"] == "v2"
    assert house.lock.hold().execution == plan["execution"]


def test_a_rollback_waits_for_the_end_of_an_update_with_the_lock_and_its_first_decision(house):
    house.deploy("v2")
    stuck = house.plan("deploy", {"version": "v3"}, execution("stuck"))
    house.sagemaker.create_model(**stuck["model"])
    house.sagemaker.create_endpoint_config(**stuck["config"])
    busy(house)

    rollback = execution(workflow="model-rollback")
    for _ in range(2):
        with pytest.raises(EndpointBusy, match="is Updating"):
            house.plan("rollback", {}, rollback)
    assert house.lock.hold().execution == rollback.arn
    house.sagemaker.update_endpoint(**stuck["update"])
    plan = house.plan("rollback", {}, rollback)
    house.carry_out(plan)

    assert plan["version"] == "v2"
    assert house.served() == {"ModelA": ("v3", 0.0), "ModelB": ("v2", 100.0)}
    assert house.world.registry.active() == "v2"


def test_a_rollback_of_a_deployment_that_has_activated_its_version_goes_back_before_it(house):
    house.deploy("v2")
    unsettled = house.plan("deploy", {"version": "v3"}, execution("unsettled"))
    house.carry_out(unsettled)

    plan = house.plan("rollback", {}, execution(workflow="model-rollback"))

    assert plan["version"] == "v2"


def test_a_deployment_waits_while_the_endpoint_scales(house):
    busy(house)

    with pytest.raises(EndpointBusy):
        house.plan("deploy", {"version": "v2"})
    assert house.lock.hold().execution == execution().arn


def test_an_endpoint_that_has_failed_is_named_with_its_reason_and_gives_the_lock_back(house):
    house.sagemaker.endpoint |= {"EndpointStatus": "Failed", "FailureReason": "no capacity"}

    with pytest.raises(EndpointUnavailable, match="is Failed: no capacity"):
        house.plan("deploy", {"version": "v2"})
    assert house.lock.hold() is None


def test_an_endpoint_that_is_not_there_is_named(house):
    house.sagemaker.endpoint = {}

    with pytest.raises(EndpointUnavailable, match=f"there is no endpoint {ENDPOINT}"):
        house.plan("shift")


def test_an_endpoint_with_other_variants_is_refused(house):
    house.sagemaker.configs[FIRST_CONFIG]["ProductionVariants"][1]["VariantName"] = "Canary"

    with pytest.raises(InvalidDeployment, match="has the variants Canary, ModelA; deployments are made between"):
        house.plan("shift")


# Rollbacks


def test_a_rollback_to_a_warm_version_is_one_shift_of_weights(house):
    house.deploy("v2")

    plan = house.run("rollback", name="back")

    assert plan["needs"] == {"model": False, "config": False, "update": False, "weights": True, "activate": True}
    assert house.served() == {"ModelA": ("v1", 100.0), "ModelB": ("v2", 0.0)}
    assert house.world.registry.active() == "v1"


def test_a_warm_rollback_needs_no_artifact(house):
    house.deploy("v2")
    house.world.s3.delete_object(Bucket="models", Key="v1/model.tar.gz")

    assert house.plan("rollback", {}, execution("back"))["version"] == "v1"


def test_a_rollback_after_a_rollback_goes_forward_again(house):
    house.deploy("v2")
    house.run("rollback", name="back")

    assert house.run("rollback", name="forward")["version"] == "v2"


def test_a_cold_rollback_serves_a_kept_configuration_in_which_the_version_had_traffic(house):
    house.deploy("v2", "v3", "v4")
    assert house.served() == {"ModelA": ("v3", 0.0), "ModelB": ("v4", 100.0)}

    plan = house.run("rollback", {"version": "v1"}, name="back")

    assert plan["needs"] == {"model": False, "config": False, "update": True, "weights": True, "activate": True}
    assert plan["variant"] == "ModelA"
    assert house.served() == {"ModelA": ("v1", 100.0), "ModelB": ("v2", 0.0)}


def test_a_version_that_had_no_traffic_in_any_kept_configuration_is_brought_up_beside_the_champion(house):
    house.run("deploy", {"version": "v2", "role": "challenger"}, name="one")
    house.run("deploy", {"version": "v3", "role": "challenger"}, name="two")

    plan = house.plan("rollback", {"version": "v2"}, execution("back"))
    house.sagemaker.create_model(**plan["model"])
    house.sagemaker.create_endpoint_config(**plan["config"])
    house.sagemaker.update_endpoint(**plan["update"])

    assert house.served() == {"ModelA": ("v1", 100.0), "ModelB": ("v2", 0.0)}


def test_a_cold_rollback_refuses_a_tampered_artifact(house):
    house.deploy("v2", "v3", "v4")
    house.world.s3.put_object(Bucket="models", Key="v1/model.tar.gz", Body=b"other")

    with pytest.raises(ArtifactTampered):
        house.plan("rollback", {"version": "v1"}, execution("back"))
    assert house.lock.hold() is None


def test_without_another_version_in_the_history_there_is_nothing_to_roll_back_to(house):
    with pytest.raises(NothingToRollBackTo, match="v1 is active, and no other registered version was before"):
        house.plan("rollback")


def test_what_was_active_but_was_never_registered_is_passed_over(house):
    by_hand(house, "v9")
    by_hand(house, "v2")

    assert house.plan("rollback", {})["version"] == "v1"


def test_setting_the_parameter_by_hand_gives_that_version_everything(house):
    _with_challenger(house)

    plan = house.plan("rollback", by_hand(house, "v2"), execution("by-hand"))
    house.carry_out(plan)

    assert plan["activeVersion"] == {"before": "v1", "after": "v2", "set": True}
    assert not plan["needs"]["activate"]
    assert house.served() == {"ModelA": ("v1", 0.0), "ModelB": ("v2", 100.0)}


def test_setting_the_parameter_by_hand_stops_a_deployment_of_something_else(house):
    house.deploy("v2")
    running = house.plan("deploy", {"version": "v3"}, execution("running"))

    plan = house.plan("rollback", by_hand(house, "v1"), execution("by-hand"))

    assert running["execution"] in house.states.stopped
    assert (plan["version"], plan["weights"]) == ("v1", weights(100, 0))


def test_the_news_of_what_a_deployment_has_activated_changes_nothing_and_stops_nobody(house):
    deploying = house.plan("deploy", {"version": "v2"})
    house.carry_out(deploying)
    busy(house)

    plan = house.plan("rollback", CHANGED, execution("news"))

    assert not any(plan["needs"].values())
    assert house.lock.hold().execution == deploying["execution"]
    assert house.settle(plan)["released"] is False
    assert house.lock.hold().execution == deploying["execution"]
    assert not house.states.stopped


def test_late_news_of_a_champion_leaves_its_challenger_alone(house):
    house.deploy("v2")
    house.run("deploy", {"version": "v3", "role": "challenger"}, name="two")

    assert not any(house.plan("rollback", CHANGED, execution("news"))["needs"].values())


def test_a_parameter_set_to_what_is_not_registered_changes_nothing(house):
    with pytest.raises(NoSuchVersion, match="'v9' is not registered"):
        house.plan("rollback", by_hand(house, "v9"))
    assert house.lock.hold() is None


# Shifts


def test_weights_are_set_as_they_are_asked(house):
    house.run("shift", {"weights": {"ModelA": 3, "ModelB": 1}})

    assert house.served() == {"ModelA": ("v1", 3.0), "ModelB": ("v1", 1.0)}


def test_an_empty_shift_changes_nothing(house):
    assert not any(house.run("shift")["needs"].values())


def test_a_variant_that_is_left_alone_has_its_version_made_active(house):
    _with_challenger(house)

    house.run("shift", {"weights": {"ModelA": 0, "ModelB": 1}}, name="all-to-b")

    assert house.world.registry.active() == "v2"


def test_steps_that_are_kept_leave_the_active_version_alone(house):
    _with_challenger(house)

    plan = house.plan("shift", {"steps": [{"weights": EVEN, "bakeSeconds": 1}], "end": "keep"}, execution("shift"))

    assert plan["weights"] == weights(50, 50)
    assert not plan["needs"]["activate"]


def test_steps_towards_the_champion_end_with_the_champion(house):
    _with_challenger(house)
    steps = [{"weights": {"ModelA": 95, "ModelB": 5}, "bakeSeconds": 1}]

    plan = house.plan("shift", {"steps": steps}, execution("shift"))

    assert plan["weights"] == weights(100, 0)
    assert plan["activeVersion"]["after"] == "v1"


def test_guard_rails_that_are_left_out_have_their_defaults(house):
    steps = [{"weights": EVEN, "bakeSeconds": 1}]

    plan = house.plan("shift", {"steps": steps, "guardRails": {"errorPercent": 1}})

    assert plan["guardRails"] == {"errorPercent": 1, "latencyP99Ms": 2000.0, "fewestInvocations": 20}


def test_a_comparison_starts_evenly_where_a_variant_has_no_traffic(house):
    house.deploy("v2")

    plan = house.plan("shift", {"automatic": True}, execution("shift"))

    assert plan["steps"] == [{"weights": weights(50, 50), "bakeSeconds": 60}]
    assert (plan["champion"], plan["challenger"]) == ("ModelB", "ModelA")
    assert plan["rollBack"] == weights(0, 100)


def test_two_variants_of_one_version_cannot_be_compared(house):
    with pytest.raises(InvalidDeployment, match="both variants serve v1, so there is nothing to compare"):
        house.plan("shift", {"automatic": True})


# A mistake in the parameter of the active version


def typo(house, value="v22"):
    """Somebody mistyped the version, while v2 is active and served."""
    house.deploy("v2")
    return by_hand(house, value)


@pytest.mark.parametrize("value", ["v22", "v2 ", "a b/../{c}", "x" * 4_000])
def test_a_mistake_of_who_sets_the_version_is_told_with_what_there_is_and_what_serves(house, value):
    event = typo(house, value)
    served, changes = house.served(), list(house.sagemaker.configs)

    with pytest.raises(NoSuchVersion) as refusal:
        house.plan("rollback", event, execution(workflow="model-rollback"))

    told = str(refusal.value)
    assert f"the parameter {ROOT}/active-version says {value!r}" in told
    assert "registered are v1, v2, v3, v4" in told
    assert "v2 is served as before (ModelA serves v1, ModelB serves v2); the parameter is left as it is" in told
    assert (house.served(), list(house.sagemaker.configs)) == (served, changes)
    assert house.world.registry.active() == value
    assert house.lock.hold() is None


def test_a_mistake_does_not_stop_a_deployment_that_is_under_way(house):
    house.deploy("v2")
    running = house.plan("deploy", {"version": "v3"}, execution("running"))

    with pytest.raises(NoSuchVersion):
        house.plan("rollback", by_hand(house, "v22"), execution(workflow="model-rollback"))

    assert not house.states.stopped
    assert house.lock.hold().execution == running["execution"]


def test_a_version_that_must_not_be_served_is_told_with_what_serves(house):
    house.deploy("v2", "v3")  # v1 is cold
    house.world.s3.put_object(Bucket="models", Key="v1/model.tar.gz", Body=b"other")

    with pytest.raises(ArtifactTampered, match=r"was registered.*\. v3 is served as before \(ModelA serves v3"):
        house.plan("rollback", by_hand(house, "v1"), execution(workflow="model-rollback"))
    assert house.lock.hold() is None


def test_a_version_whose_metadata_somebody_has_spoilt_is_told_by_name(house):
    house.world.registry._ssm.put_parameter(Name=f"{ROOT}/versions/v3/metadata", Value='{"a": 1}', Overwrite=True)

    with pytest.raises(InvalidRegistration, match=r"v3/metadata is not what registration writes.*\. v1 is served as"):
        house.plan("rollback", by_hand(house, "v3"), execution(workflow="model-rollback"))


def test_a_rollback_after_a_mistake_sets_the_parameter_right(house):
    typo(house)

    plan = house.run("rollback")

    assert plan["version"] == "v2"
    assert plan["activeVersion"] == {"before": "v2", "after": "v2", "set": False}
    assert house.world.registry.active() == "v2"
    assert house.served() == {"ModelA": ("v1", 0.0), "ModelB": ("v2", 100.0)}


def test_a_rollback_of_a_deployment_after_a_mistake_goes_back_to_what_was_active(house):
    typo(house)
    stuck = house.plan("deploy", {"version": "v3"}, execution("stuck"))

    plan = house.plan("rollback", {}, execution(workflow="model-rollback"))

    assert plan["version"] == "v2"
    assert stuck["execution"] in house.states.stopped


def test_where_no_registered_version_was_active_a_mistake_leaves_nothing_to_roll_back_to(house):
    house.world.registry._ssm.delete_parameter(Name=f"{ROOT}/active-version")
    by_hand(house, "v22")

    with pytest.raises(NothingToRollBackTo, match="is set to 'v22', which is not registered, and no other registered"):
        house.plan("rollback", {}, execution(workflow="model-rollback"))


def test_a_deployment_after_a_mistake_restores_and_activates_versions_that_there_are(house):
    typo(house)

    plan = house.run("deploy", {"version": "v3"})

    assert plan["activeVersion"] == {"before": "v2", "after": "v3", "set": False}
    assert house.world.registry.active() == "v3"


@pytest.mark.parametrize(
    ("kind", "document"), [("deploy", {"version": "v3", "role": "challenger"}), ("shift", {"weights": EVEN})]
)
def test_what_makes_no_version_active_leaves_a_mistake_to_whom_it_concerns(house, kind, document):
    typo(house)

    plan = house.run(kind, document)

    assert plan["activeVersion"]["before"] == "v2"
    assert house.world.registry.active() == "v22"

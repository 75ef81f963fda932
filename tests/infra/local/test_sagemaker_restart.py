"""What becomes of endpoints when the embedded AWS ends, by itself or by a kill, and starts again."""

import time
from pathlib import Path
from typing import Any

import pytest

from infra.local.sagemaker import STARTUP_VARIABLE

from .conftest import policy
from .sagemaker_world import PATIENCE_SECONDS, SageMakerWorld, production_variant
from .test_server import client, serving


def endpoint(url: str, programs: Path) -> SageMakerWorld:
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": ["s3:GetObject", "ecr:BatchGetImage"], "Resource": "*"}
    iam = client(url, "iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(may))
    world = SageMakerWorld(lambda service: client(url, service), "kept", role, programs)
    config = world.config(
        "one", production_variant("A", world.model("a"), 3), production_variant("B", world.model("b"))
    )
    world.endpoint(config)
    return world


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def reconnect(world: SageMakerWorld, url: str) -> Any:
    world.sagemaker, world.runtime = client(url, "sagemaker"), client(url, "sagemaker-runtime")
    return world


def test_endpoints_serve_again_after_a_restart_and_nothing_outlives_a_stop(tmp_path: Path) -> None:
    state, programs = tmp_path / "state", tmp_path / "programs"
    programs.mkdir()
    with serving(state) as (process, url):
        world = endpoint(url, programs)
        weights = [{"VariantName": "A", "DesiredWeight": 0}]
        world.sagemaker.update_endpoint_weights_and_capacities(EndpointName="kept", DesiredWeightsAndCapacities=weights)
        assert len(world.servers()) == 2
        process.terminate()
        assert process.wait(30) == 0
        assert world.servers() == set()
    assert list((state / "sagemaker").iterdir()) == []

    with serving(state) as (_, url):
        reconnect(world, url)
        assert world.servers() == set()
        assert world.invoke()["who"] == "b"
        assert world.describe()["EndpointStatus"] == "InService"
        assert [v["CurrentWeight"] for v in world.describe()["ProductionVariants"]] == [0, 1]


def test_an_update_that_is_never_healthy_is_rolled_back_while_the_former_servers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STARTUP_VARIABLE, "2")
    programs = tmp_path / "programs"
    programs.mkdir()
    with serving("") as (_, url):
        world = endpoint(url, programs)
        former, before = world.servers(), world.describe()
        bad = world.config("two", production_variant("A", world.model("unhealthy")))

        world.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName=bad, RetainAllVariantProperties=True)
        while (updating := world.describe())["EndpointStatus"] == "Updating":
            assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == bad
            assert world.invoke()["who"] in ("a", "b")
        after = world.describe()

        assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before["EndpointConfigName"])
        assert "production variant A did not pass the ping health check" in after["FailureReason"]
        assert after["ProductionVariants"] == before["ProductionVariants"]
        assert world.servers() == former

        good = world.config("three", production_variant("A", world.model("c")))
        world.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName=good)
        assert "FailureReason" not in world.wait()
        assert world.invoke()["who"] == "c"
    assert world.servers() == set()


def test_a_kill_ends_the_model_servers_and_the_next_life_brings_them_back(tmp_path: Path) -> None:
    state, programs = tmp_path / "state", tmp_path / "programs"
    programs.mkdir()
    with serving(state) as (process, url):
        world = endpoint(url, programs)
        wait_for(state / "snapshot" / "sagemaker.json")
        assert len(world.servers()) == 2
        process.kill()
        process.wait()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while world.servers():
        assert time.monotonic() < deadline
        time.sleep(0.05)

    with serving(state) as (_, url):
        reconnect(world, url)
        assert world.describe()["EndpointStatus"] == "SystemUpdating"
        assert world.wait()["EndpointStatus"] == "InService"
        assert {world.invoke()["who"] for _ in range(4)} == {"a", "b"}

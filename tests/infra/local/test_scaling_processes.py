"""A policy scales real model servers by real traffic, through an update of the endpoint and a restart of everything."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.scaling import PERIOD_VARIABLE

from .sagemaker_world import PATIENCE_SECONDS, SageMakerWorld, production_variant
from .test_sagemaker_restart import endpoint, reconnect
from .test_server import client, serving

PERIOD_SECONDS = 0.25
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/kept/variant/A",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@contextlib.contextmanager
def traffic(world: SageMakerWorld) -> Iterator[None]:
    """Invoke variant ``A`` inside the block, over and over; every answer is a good one."""
    ended, failures = threading.Event(), []

    def invoke() -> None:
        while not ended.wait(0.02):
            try:
                world.invoke(TargetVariant="A")
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=invoke)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert failures == []


def track(url: str, target: float) -> None:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    client(url, "application-autoscaling").put_scaling_policy(
        **TARGET,
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": target, "PredefinedMetricSpecification": metric},
    )


def instances(world: SageMakerWorld) -> int:
    """Return how many instances of ``A`` serve an endpoint that nobody changes, else 0."""
    found = world.describe()
    count: int = world.variant("A")["CurrentInstanceCount"]
    return count if found["EndpointStatus"] == "InService" else 0


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_traffic_scales_a_variant_out_and_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PERIOD_VARIABLE, str(PERIOD_SECONDS))
    state, programs = tmp_path / "state", tmp_path / "programs"
    programs.mkdir()
    with serving(state) as (process, url):
        world, scaling = endpoint(url, programs), client(url, "application-autoscaling")
        scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
        track(url, 50.0)
        with traffic(world):
            eventually(lambda: instances(world) == 2)
            assert len(world.servers()) == 3

        a, b = world.model("c"), world.model("d")
        second = world.config("two", production_variant("A", a, 1), production_variant("B", b, 1))
        world.sagemaker.update_endpoint(
            EndpointName="kept",
            EndpointConfigName=second,
            RetainAllVariantProperties=True,
            ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
        )
        world.wait()
        assert (instances(world), world.variant("A")["DesiredWeight"]) == (2, 1)
        process.terminate()
        process.wait(30)
    assert world.servers() == set()

    with serving(state) as (_, url):
        reconnect(world, url)
        scaling = client(url, "application-autoscaling")
        world.wait()
        assert (instances(world), len(world.servers())) == (2, 3)
        track(url, 20_000.0)
        with traffic(world):
            eventually(lambda: instances(world) == 1)

        activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
        assert "AlarmLow" in activities[0]["Cause"]
        assert ("AlarmHigh" in activities[-1]["Cause"], activities[-1]["StatusCode"]) == (True, "Successful")
        assert len(world.servers()) == 2

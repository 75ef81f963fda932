"""Deployments as workflows make them: by a state machine's role, with named errors, undone, killed and measured."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .sagemaker_world import PATIENCE_SECONDS, SageMakerWorld, production_variant
from .state_machine_world import World

DEPLOYS = {
    "Effect": "Allow",
    "Action": [
        "sagemaker:CreateModel",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:UpdateEndpoint",
        "sagemaker:DescribeEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "ssm:PutParameter",
    ],
    "Resource": "*",
}


@pytest.fixture
def world(client: Any, name: str, role: Callable[..., str], tmp_path: Path) -> Iterator[SageMakerWorld]:
    may = {"Effect": "Allow", "Action": ["s3:GetObject", "ecr:BatchGetImage"], "Resource": "*"}
    made = SageMakerWorld(client, name, role("sagemaker.amazonaws.com", may), tmp_path)
    yield made
    made.remove()


@pytest.fixture
def states(client: Any) -> Any:
    return World(client)  # type: ignore[no-untyped-call]


def sdk(action: str, request: dict[str, Any], **state: Any) -> dict[str, Any]:
    resource = f"arn:aws:states:::aws-sdk:{action}"
    return {"Type": "Task", "Resource": resource, "Parameters": request, "ResultPath": None, **state}


def chain(**states: dict[str, Any]) -> dict[str, Any]:
    """A definition that runs states one after the other."""
    names = list(states)
    following: list[dict[str, Any]] = [*({"Next": name} for name in names[1:]), {"End": True}]
    ordered = {name: {**next_, **states[name]} for name, next_ in zip(names, following, strict=True)}
    return {"StartAt": names[0], "States": ordered}


def two_variants(world: SageMakerWorld, a: str, b: str) -> list[dict[str, Any]]:
    return [production_variant("ModelA", a, 80), production_variant("ModelB", b, 20)]


def test_a_workflow_deploys_beside_what_serves_shifts_and_records_it(
    world: SageMakerWorld, states: Any, client: Any
) -> None:
    a, name = world.model("a"), world.name
    world.endpoint(world.config("one", *two_variants(world, a, a)))
    world.s3.copy_object(Bucket=name, Key="b/model.tar.gz", CopySource=f"{name}/a/model.tar.gz")
    model = {**world.model_request("b", "b/model.tar.gz"), "ModelName": f"{name}-b"}
    variants = [production_variant("ModelA", a, 80), production_variant("ModelB", model["ModelName"], 0)]
    update = {
        "EndpointName": name,
        "EndpointConfigName": f"{name}-two",
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
    }
    all_to_b = [{"VariantName": "ModelA", "DesiredWeight": 0}, {"VariantName": "ModelB", "DesiredWeight": 100}]
    weights = {"EndpointName": name, "DesiredWeightsAndCapacities": all_to_b}
    active = {"Name": f"/{name}/active", "Value": "b", "Type": "String", "Overwrite": True}
    definition = chain(
        Model=sdk("sagemaker:createModel", model),
        Config=sdk(
            "sagemaker:createEndpointConfig", {"EndpointConfigName": f"{name}-two", "ProductionVariants": variants}
        ),
        Update=sdk("sagemaker:updateEndpoint", update),
        Describe=sdk("sagemaker:describeEndpoint", {"EndpointName": name}, ResultPath="$.endpoint"),
        Ready={
            "Type": "Choice",
            "Choices": [{"Variable": "$.endpoint.EndpointStatus", "StringEquals": "InService", "Next": "Weights"}],
            "Default": "Wait",
        },
        Wait={"Type": "Wait", "Seconds": 1, "Next": "Describe"},
        Weights=sdk("sagemaker:updateEndpointWeightsAndCapacities", weights),
        Activate=sdk("ssm:putParameter", active),
    )
    del definition["States"]["Ready"]["Next"]
    passes = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": world.role}

    ended = states.run(definition, role=states.role(DEPLOYS, passes))

    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    assert world.describe()["EndpointConfigName"] == f"{name}-two"
    assert client("ssm").get_parameter(Name=f"/{name}/active")["Parameter"]["Value"] == "b"
    assert {world.invoke()["who"] for _ in range(5)} == {"a"}  # the same archive
    assert {world.invoke()["variant"] for _ in range(5)} == {"ModelB"}


@pytest.mark.parametrize(
    ("action", "request_", "error", "cause"),
    [
        (
            "sagemaker:createModel",
            {"ModelName": "m"},
            "SageMaker.SageMakerException",
            "(Service: SageMaker, Status Code: 400",
        ),
        (
            "sagemaker:updateEndpoint",
            {"EndpointName": "missing", "EndpointConfigName": "missing"},
            "SageMaker.SageMakerException",
            "Could not find endpoint",
        ),
        (
            "sagemaker:deleteEndpoint",
            {"EndpointName": "missing"},
            "SageMaker.SageMakerException",
            "not authorized to perform: sagemaker:DeleteEndpoint",
        ),
        (
            "ssm:putParameter",
            {"Name": "/t-deployments/lock", "Value": "mine", "Type": "String"},
            "Ssm.ParameterAlreadyExistsException",
            "The parameter already exists.",
        ),
        (
            "ssm:getParameter",
            {"Name": "/t-deployments/lock"},
            "Ssm.AccessDeniedException",
            "not authorized to perform: ssm:GetParameter",
        ),
    ],
)
def test_refusals_have_the_names_that_workflows_catch(
    states: Any, client: Any, action: str, request_: dict[str, Any], error: str, cause: str
) -> None:
    client("ssm").put_parameter(Name="/t-deployments/lock", Value="theirs", Type="String", Overwrite=True)

    ended = states.run(chain(Call=sdk(action, request_)), role=states.role(DEPLOYS))

    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert cause in ended["cause"]
    assert client("ssm").get_parameter(Name="/t-deployments/lock")["Parameter"]["Value"] == "theirs"


def test_too_many_instances_have_an_error_of_their_own(world: SageMakerWorld, states: Any) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"))))
    wanted = [{"VariantName": "V", "DesiredInstanceCount": 41}]
    request = {"EndpointName": world.name, "DesiredWeightsAndCapacities": wanted}

    ended = states.run(
        chain(Call=sdk("sagemaker:updateEndpointWeightsAndCapacities", request)), role=states.role(DEPLOYS)
    )

    assert ended["error"] == "SageMaker.ResourceLimitExceededException"
    assert world.variant("V")["DesiredInstanceCount"] == 1


def test_an_update_retains_the_numbers_of_instances_but_not_excluded_weights(world: SageMakerWorld) -> None:
    a = world.model("a")
    world.endpoint(world.config("one", production_variant("A", a, 80), production_variant("B", a, 20)))
    changed = [{"VariantName": "A", "DesiredInstanceCount": 2, "DesiredWeight": 50}]
    world.sagemaker.update_endpoint_weights_and_capacities(EndpointName=world.name, DesiredWeightsAndCapacities=changed)
    world.wait()

    world.sagemaker.update_endpoint(
        EndpointName=world.name,
        EndpointConfigName=world.config("two", production_variant("A", a, 100), production_variant("B", a, 0)),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    world.wait()

    found = world.describe()["ProductionVariants"]
    assert [(v["CurrentWeight"], v["CurrentInstanceCount"]) for v in found] == [(100, 2), (0, 1)]


def test_of_an_endpoint_under_load_only_the_requests_that_a_killed_server_had_are_lost(world: SageMakerWorld) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"), count=2)))
    workers, ended = 4, threading.Event()
    answered: list[int] = []
    lost: list[str] = []

    def invoke() -> None:
        while not ended.is_set():
            try:
                answered.append(world.invoke("sleep 0.01")["pid"])
            except ClientError as error:
                lost.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=invoke) for _ in range(workers)]
    for thread in threads:
        thread.start()
    first = world.servers()
    try:
        eventually(lambda: set(answered) == first)
        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: set(answered) - first)  # its replacement serves
    finally:
        ended.set()
        for thread in threads:
            thread.join()

    assert len(lost) <= workers
    assert set(lost) <= {"ModelError"}
    assert len(set(answered)) == 3
    assert world.servers() == set(answered) - {killed}


def test_an_update_loses_no_request(world: SageMakerWorld) -> None:
    a, b = world.model("a"), world.model("b")
    world.endpoint(world.config("one", production_variant("V", a)))
    ended, failures = threading.Event(), []
    answered: list[str] = []

    def invoke() -> None:
        while not ended.is_set():
            try:
                answered.append(world.invoke("sleep 0.02")["who"])
            except ClientError as error:
                failures.append(error)

    threads = [threading.Thread(target=invoke) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: answered)
        new = world.config("two", production_variant("V", b))
        world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=new)
        world.wait()
        eventually(lambda: answered[-1] == "b")
    finally:
        ended.set()
        for thread in threads:
            thread.join()

    assert failures == []
    assert answered[answered.index("b") :].count("a") < 4  # what the other threads had in work, and no more


def test_latencies_of_each_variant_are_percentiles_of_get_metric_data(world: SageMakerWorld, client: Any) -> None:
    a = world.model("a")
    world.endpoint(world.config("one", production_variant("A", a, 50), production_variant("B", a, 50)))

    def waited(order: str, variant: str) -> float:
        began = time.monotonic()
        world.invoke(order, TargetVariant=variant)
        return (time.monotonic() - began) * 1e6

    longest_of_a = max(waited("{}", "A") for _ in range(20))
    longest_of_b = max(waited("sleep 0.3", "B") for _ in range(2))
    with pytest.raises(ClientError):
        world.invoke("status 500", TargetVariant="B")

    def measured() -> dict[str, float]:
        queries = [
            query(world.name, "A", "ModelLatency", "p99"),
            query(world.name, "B", "ModelLatency", "p99"),
            query(world.name, "A", "Invocations", "Sum"),
            query(world.name, "B", "Invocations", "Sum"),
            query(world.name, "A", "Invocation5XXErrors", "Sum"),
            query(world.name, "B", "Invocation5XXErrors", "Sum"),
        ]
        now = datetime.now(UTC)
        found = client("cloudwatch").get_metric_data(
            MetricDataQueries=queries, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1)
        )["MetricDataResults"]
        return {result["Id"]: max(result["Values"], default=0.0) for result in found}

    eventually(lambda: measured()["a_invocations"] + measured()["b_invocations"] == 23)
    numbers = measured()

    assert 0 < numbers["a_modellatency"] <= longest_of_a
    assert 300_000 <= numbers["b_modellatency"] <= longest_of_b
    assert (numbers["a_invocations"], numbers["b_invocations"]) == (20, 3)
    assert (numbers["a_invocation5xxerrors"], numbers["b_invocation5xxerrors"]) == (0, 1)


def query(endpoint: str, variant: str, metric: str, statistic: str) -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    named = {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions}
    return {
        "Id": f"{variant}_{metric}".lower(),
        "MetricStat": {"Metric": named, "Period": 3600, "Stat": statistic},
    }


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

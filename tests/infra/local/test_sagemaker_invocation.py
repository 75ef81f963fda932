"""InvokeEndpoint: what reaches the model server, what comes back, what is refused, what is measured."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.server import EmbeddedAws

from .conftest import policy
from .sagemaker_world import SageMakerWorld, production_variant


@pytest.fixture(scope="module")
def world(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerWorld]:
    """One endpoint with the variants ``A`` and ``B``, which only read here."""
    name = f"t-invocation-{int(time.time() * 1000)}"
    iam = client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": ["s3:GetObject", "ecr:BatchGetImage"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(may))
    made = SageMakerWorld(client, name, role, tmp_path_factory.mktemp("programs"))
    a, b = made.model("a"), made.model("b")
    made.endpoint(made.config("one", production_variant("A", a, 50), production_variant("B", b, 50)))
    yield made
    made.remove()


def test_the_server_gets_what_concerns_the_model_and_nothing_of_the_callers(world: SageMakerWorld) -> None:
    answer = world.runtime.invoke_endpoint(
        EndpointName=world.name,
        Body=b'{"records": []}',
        ContentType="application/json",
        Accept="text/csv",
        CustomAttributes="trace=1",
        InferenceId="i-1",
        TargetVariant="B",
    )
    received = json.loads(answer["Body"].read())

    headers = {name.lower(): value for name, value in received["headers"].items()}
    assert received["size"] == len(b'{"records": []}')
    assert headers["content-type"] == "application/json"
    assert headers["accept"] == "text/csv"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert headers["x-amzn-sagemaker-inference-id"] == "i-1"
    assert "authorization" not in headers
    assert (answer["InvokedProductionVariant"], answer["CustomAttributes"]) == ("B", "from=b")
    assert answer["ContentType"] == "application/json"


@pytest.mark.parametrize(("status", "who"), [(400, "client"), (429, "client"), (500, "server"), (503, "server")])
def test_an_error_of_the_server_is_a_model_error_with_its_status_and_body(
    world: SageMakerWorld, status: int, who: str
) -> None:
    with pytest.raises(world.runtime.exceptions.ModelError) as refused:
        world.invoke(f"status {status}")

    response = refused.value.response
    assert response["OriginalStatusCode"] == status
    assert json.loads(response["OriginalMessage"])["size"] == len(f"status {status}")
    assert response["Error"]["Message"].startswith(f"Received {who} error ({status}) from primary")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424


def test_unknown_endpoints_and_variants_are_validation_errors(world: SageMakerWorld) -> None:
    with pytest.raises(world.runtime.exceptions.ValidationError, match=r"Endpoint nobody of account 0+ not found"):
        world.runtime.invoke_endpoint(EndpointName="nobody", Body=b"")
    with pytest.raises(world.runtime.exceptions.ValidationError, match="Variant C not found"):
        world.invoke(TargetVariant="C")


def test_a_body_of_6_mb_arrives_and_a_larger_one_is_refused(world: SageMakerWorld) -> None:
    limit = 6 * 1024 * 1024

    assert world.invoke(b"x" * limit)["size"] == limit
    with pytest.raises(world.runtime.exceptions.ValidationError, match="length less than or equal to 6291456"):
        world.invoke(b"x" * (limit + 1))


def test_what_is_not_emulated_is_refused_by_name(world: SageMakerWorld) -> None:
    with pytest.raises(world.runtime.exceptions.ValidationError, match="TargetModel"):
        world.invoke(TargetModel="model.tar.gz")
    with pytest.raises(ClientError, match="invocations-response-stream"):
        world.runtime.invoke_endpoint_with_response_stream(EndpointName=world.name, Body=b"")


def test_a_slow_model_keeps_nobody_else_waiting(world: SageMakerWorld, client: Any) -> None:
    slow = threading.Thread(target=lambda: world.invoke("sleep 3"))
    slow.start()
    time.sleep(0.2)

    began = time.monotonic()
    world.invoke()
    client("sts").get_caller_identity()

    assert time.monotonic() - began < 2.5
    assert slow.is_alive()
    slow.join()


def test_only_who_may_invoke_this_endpoint_is_answered(
    world: SageMakerWorld, client: Any, aws: EmbeddedAws, name: str
) -> None:
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    theirs = client("sagemaker-runtime", key["AccessKeyId"], key["SecretAccessKey"])

    def invoke(resource: str) -> Any:
        may = {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": resource}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(may))
        return theirs.invoke_endpoint(EndpointName=world.name, Body=b"{}")

    prefix = "arn:aws:sagemaker:us-east-1:000000000000:endpoint"
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
        invoke(f"{prefix}/another")
    assert invoke(f"{prefix}/{world.name}")["InvokedProductionVariant"] in ("A", "B")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:DescribeEndpoint"):
        client("sagemaker", key["AccessKeyId"], key["SecretAccessKey"]).describe_endpoint(EndpointName=world.name)


def test_every_request_counts_in_its_variants_metrics(world: SageMakerWorld, client: Any) -> None:
    cloudwatch = client("cloudwatch")

    def total(metric: str, statistic: str = "Sum") -> float:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": world.name}, {"Name": "VariantName", "Value": "A"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=[statistic],
        )["Datapoints"]
        return float(sum(point[statistic] for point in points))

    def settled() -> dict[str, float]:
        names = ("Invocations", "InvocationsPerInstance", "Invocation4XXErrors", "Invocation5XXErrors")
        before: dict[str, float] = {}
        while (found := {name: total(name) for name in names}) != before or not found["Invocations"]:
            before = found
            time.sleep(2.5)
        return found

    world.invoke(TargetVariant="A")
    before = settled()
    for _ in range(3):
        world.invoke(TargetVariant="A")
    for status in (400, 500):
        with pytest.raises(ClientError):
            world.invoke(f"status {status}", TargetVariant="A")
    world.invoke("sleep 0.2", TargetVariant="A")
    time.sleep(2.5)
    after = settled()

    assert {name: after[name] - before[name] for name in after} == {
        "Invocations": 6,
        "InvocationsPerInstance": 6,
        "Invocation4XXErrors": 1,
        "Invocation5XXErrors": 1,
    }
    assert 200_000 <= total("ModelLatency", "Maximum") < 60_000_000
    assert 0 < total("OverheadLatency", "Maximum") < 60_000_000

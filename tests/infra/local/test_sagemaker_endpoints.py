"""Endpoints through boto3: which model server answers, which processes are alive, what an update leaves behind."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tasks.models.artifact import Artifact, pack
from tests.batch_jobs.model_files import RECORDS, scores
from tests.tasks.conftest import MODEL_TEXT, SIGNATURE

from .sagemaker_world import PATIENCE_SECONDS, WAITER, SageMakerWorld, archive, production_variant


@pytest.fixture
def world(client: Any, name: str, role: Callable[..., str], tmp_path: Path) -> Iterator[SageMakerWorld]:
    arn = role(
        "sagemaker.amazonaws.com",
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"},
        {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"},
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    )
    made = SageMakerWorld(client, name, arn, tmp_path)
    yield made
    made.remove()


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_variants_answer_by_their_weights_and_new_weights_hold_at_once(world: SageMakerWorld) -> None:
    a, b = world.model("a"), world.model("b")
    world.endpoint(world.config("one", production_variant("ModelA", a, 80), production_variant("ModelB", b, 20)))

    before = Counter(world.invoke()["variant"] for _ in range(20))
    world.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=world.name, DesiredWeightsAndCapacities=[{"VariantName": "ModelA", "DesiredWeight": 0}]
    )
    after = [world.invoke() for _ in range(5)]

    assert before == {"ModelA": 16, "ModelB": 4}
    assert {(answer["variant"], answer["who"]) for answer in after} == {("ModelB", "b")}
    described = world.describe()
    assert [(v["CurrentWeight"], v["DesiredWeight"]) for v in described["ProductionVariants"]] == [(0, 0), (20, 20)]
    assert world.invoke(TargetVariant="ModelA")["who"] == "a"


def test_an_endpoint_is_described_as_on_aws_and_gone_after_its_deletion(world: SageMakerWorld) -> None:
    config = world.config("one", production_variant("V", world.model("a"), count=2))
    world.endpoint(config)

    described = world.describe()
    servers = world.servers()
    world.sagemaker.delete_endpoint(EndpointName=world.name)
    world.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=world.name, WaiterConfig=WAITER)

    assert described["EndpointArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{world.name}"
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", config)
    (variant,) = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    assert len(servers) == 2
    assert world.servers() == set()
    with pytest.raises(ClientError, match="Could not find endpoint"):
        world.describe()


def test_an_update_switches_to_the_new_models_and_ends_the_former_ones(world: SageMakerWorld) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"))))
    former = world.servers()

    new = world.config("two", production_variant("V", world.model("b")))
    world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=new)
    while_updating = world.invoke()
    described = world.wait()

    assert while_updating["who"] in ("a", "b")
    assert described["EndpointConfigName"] == new
    assert "FailureReason" not in described
    assert world.invoke()["who"] == "b"
    assert not former & world.servers()


def test_an_update_that_does_not_become_healthy_leaves_what_served_before(world: SageMakerWorld) -> None:
    old = world.config("one", production_variant("V", world.model("a")))
    world.endpoint(old)
    former = world.servers()

    new = world.config("two", production_variant("V", world.model("broken")))
    world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=new)
    described = world.wait()

    assert described["EndpointConfigName"] == old
    assert "did not pass the ping health check" in described["FailureReason"]
    assert world.invoke()["who"] == "a"
    assert world.servers() == former


def test_a_model_that_never_serves_fails_the_endpoint_which_can_only_be_deleted(world: SageMakerWorld) -> None:
    config = world.config("one", production_variant("V", world.model("broken")))
    world.sagemaker.create_endpoint(EndpointName=world.name, EndpointConfigName=config)

    described = world.settle()

    assert described["EndpointStatus"] == "Failed"
    assert "production variant V did not pass the ping health check" in described["FailureReason"]
    assert world.servers() == set()
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=config)
    with pytest.raises(world.runtime.exceptions.ValidationError, match="not found"):
        world.invoke()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no archive", "Please ensure that the object located at the URL is a valid tar.gz archive"),
        (archive(**{"..__outside.txt": "x"}), "outside"),
    ],
)
def test_an_archive_that_is_damaged_or_leads_out_of_its_directory_fails_the_endpoint(
    world: SageMakerWorld, body: bytes, reason: str
) -> None:
    config = world.config("one", production_variant("V", world.model("a", body)))
    world.sagemaker.create_endpoint(EndpointName=world.name, EndpointConfigName=config)

    described = world.settle()

    assert described["EndpointStatus"] == "Failed"
    assert reason in described["FailureReason"]


def test_a_server_that_dies_is_replaced_and_only_its_own_request_is_lost(world: SageMakerWorld) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"), count=2)))
    first = world.servers()

    with pytest.raises(world.runtime.exceptions.ModelError) as lost:
        world.invoke("crash")
    eventually(lambda: len(first & world.servers()) == 1)
    (other,) = first & world.servers()
    survivor = world.invoke()["pid"]
    os.kill(other, signal.SIGKILL)
    eventually(lambda: other not in world.servers())
    answers = [world.invoke() for _ in range(10)]

    assert lost.value.response["OriginalStatusCode"] == 500
    eventually(lambda: world.variant("V")["CurrentInstanceCount"] == 2 and len(world.servers()) == 2)
    assert not world.servers() & first
    assert survivor in first
    assert not {answer["pid"] for answer in answers} & first


def test_another_number_of_instances_starts_and_stops_processes(world: SageMakerWorld) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"))))

    def resize(count: int) -> int:
        world.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=world.name,
            DesiredWeightsAndCapacities=[{"VariantName": "V", "DesiredInstanceCount": count}],
        )
        world.wait()
        assert world.variant("V")["CurrentInstanceCount"] == count
        return len(world.servers())

    assert [resize(3), resize(1)] == [3, 1]
    assert world.invoke()["pid"] in world.servers()


def test_an_update_can_retain_weights_and_numbers_that_were_changed(world: SageMakerWorld) -> None:
    a, b = world.model("a"), world.model("b")
    world.endpoint(world.config("one", production_variant("A", a, 80), production_variant("B", b, 20)))
    shifted = [{"VariantName": "A", "DesiredWeight": 0}, {"VariantName": "B", "DesiredWeight": 100}]
    world.sagemaker.update_endpoint_weights_and_capacities(EndpointName=world.name, DesiredWeightsAndCapacities=shifted)

    new = world.config("two", production_variant("A", b, 80), production_variant("B", a, 20))
    world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=new, RetainAllVariantProperties=True)
    world.wait()

    assert [v["CurrentWeight"] for v in world.describe()["ProductionVariants"]] == [0, 100]
    assert world.invoke()["who"] == "a"


def test_what_servers_write_is_in_the_endpoints_log_group(world: SageMakerWorld, client: Any) -> None:
    world.endpoint(world.config("one", production_variant("V", world.model("a"))))
    logs, group = client("logs"), f"/aws/sagemaker/Endpoints/{world.name}"

    (stream,) = eventually(
        lambda: (
            any(g["logGroupName"] == group for g in logs.describe_log_groups()["logGroups"])
            and logs.describe_log_streams(logGroupName=group)["logStreams"]
        )
    )
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]

    assert stream["logStreamName"].startswith("V/i-")
    assert [event["message"] for event in events] == ["serving a"]


def test_servers_have_their_roles_credentials_unless_the_network_is_isolated(world: SageMakerWorld) -> None:
    open_model, isolated = world.model("a"), world.model("b", EnableNetworkIsolation=True)
    world.endpoint(world.config("one", production_variant("Open", open_model), production_variant("Shut", isolated)))

    of_open = world.invoke(TargetVariant="Open")["environment"]
    of_isolated = world.invoke(TargetVariant="Shut")["environment"]

    assert of_open["COLOUR"] == of_isolated["COLOUR"] == "blue"
    assert of_open["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert of_open["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert not {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"} & of_isolated.keys()


def test_an_endpoint_that_is_being_changed_refuses_further_changes(world: SageMakerWorld) -> None:
    config = world.config("one", production_variant("V", world.model("a")))
    world.sagemaker.create_endpoint(EndpointName=world.name, EndpointConfigName=config)

    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        world.sagemaker.update_endpoint(EndpointName=world.name, EndpointConfigName=config)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        world.sagemaker.delete_endpoint(EndpointName=world.name)
    world.wait()


def test_a_pushed_image_is_the_model_server_of_this_code(world: SageMakerWorld) -> None:
    expected = scores(RECORDS)
    golden = [{"record": record, "score": score} for record, score in zip(RECORDS, expected, strict=True)]
    artifact = pack(Artifact(MODEL_TEXT, SIGNATURE, golden))
    container = {
        **world.model_request("real", "real/model.tar.gz")["PrimaryContainer"],
        "Environment": {"ML_PIPELINE_MODEL_VERSION": "v7"},
    }
    model = world.model("real", artifact, PrimaryContainer=container, EnableNetworkIsolation=True)
    world.endpoint(world.config("one", production_variant("V", model)))

    def predict(*records: dict[str, Any]) -> Any:
        body = json.dumps({"records": records})
        answer = world.runtime.invoke_endpoint(EndpointName=world.name, Body=body, ContentType="application/json")
        return json.loads(answer["Body"].read())

    predicted = predict(*RECORDS)
    with pytest.raises(world.runtime.exceptions.ModelError) as refused:
        predict({**RECORDS[0], "distance": "far"})

    assert predicted["modelVersion"] == "v7"
    assert [prediction["score"] for prediction in predicted["predictions"]] == pytest.approx(expected)
    assert refused.value.response["OriginalStatusCode"] == 400
    assert json.loads(refused.value.response["OriginalMessage"])["errors"][0]["field"] == "distance"

"""The life of a second model, told on an embedded AWS of its own: each test goes on where the one before it ended."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from PIL import Image

from tasks.deployment.executions import Executions
from tasks.deployment.lock import DeploymentLock
from tasks.models.registry import Registry
from tasks.storage import Storage
from tests.e2e.conftest import BIN, DEPLOYED, World, served_again
from tests.e2e.test_deployments import ROOT, run_from, source_tree

FIRST, SECOND = "flights-2013-h1", "small"
ACTIVE = "/ml-pipeline/models/active-version"
SECONDS_FOR_A_ROLLBACK = 60


@pytest.fixture(scope="module")
def aside(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What the main job left, served where nobody else looks: here models may come and go."""
    with served_again(example, tmp_path_factory.mktemp("models")) as world:
        yield world


@pytest.fixture(scope="module")
def records(aside: World) -> list[dict[str, Any]]:
    """Records that the first model was checked with."""
    shown = json.loads(aside.cli("api", "--json").stdout)
    return [shown["example"]] * 50


README = (ROOT / "README.md").read_text()


def as_the_readme_says(world: World, command: str) -> None:
    """Run a command as it stands in the README."""
    assert f"\n.venv/bin/{command}\n" in README
    program, *arguments = shlex.split(command)
    done = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=world.folder,
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def api_of(world: World) -> dict[str, Any]:
    """Address and key of the API."""
    shown: dict[str, Any] = json.loads(world.cli("api", "--json").stdout)
    return shown


def ask(
    world: World, records: list[dict[str, Any]], times: int = 1, shown: dict[str, Any] | None = None
) -> Counter[str]:
    """How many calls of the API each model version answered."""
    shown = shown or api_of(world)
    answered: Counter[str] = Counter()
    for _ in range(times):
        request = urllib.request.Request(
            shown["url"],
            data=json.dumps({"records": records}).encode(),
            headers={"Content-Type": "application/json", "x-api-key": shown["key"]},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            answered[json.load(answer)["modelVersion"]] += 1
    return answered


def active(world: World) -> str:
    return str(world.client("ssm").get_parameter(Name=ACTIVE)["Parameter"]["Value"])


def served(world: World) -> dict[str, Any]:
    """Configuration and weights of the endpoint."""
    described = world.client("sagemaker").describe_endpoint(EndpointName=DEPLOYED.endpoint)
    assert described["EndpointStatus"] == "InService"
    weights = {each["VariantName"]: each["CurrentWeight"] for each in described["ProductionVariants"]}
    return {"config": described["EndpointConfigName"], "weights": weights}


def share(world: World, variant: str) -> float:
    weights = served(world)["weights"]
    return float(weights[variant] / sum(weights.values()))


def test_a_second_model_is_checked_and_registered_and_serves_nobody_yet(
    aside: World, records: list[dict[str, Any]]
) -> None:
    as_the_readme_says(
        aside, "python -m batch_jobs train --months 1-2 --trees 40 --version small --output build/models"
    )

    as_the_readme_says(aside, "ml-pipeline models register build/models/small")

    as_the_readme_says(aside, "ml-pipeline models list")
    listed = aside.cli("models", "list").stdout
    assert SECOND in listed
    assert FIRST in listed
    assert active(aside) == FIRST
    assert ask(aside, records, 3) == {FIRST: 3}


def test_a_challenger_gets_its_share_and_the_active_version_stays(aside: World, records: list[dict[str, Any]]) -> None:
    as_the_readme_says(aside, "ml-pipeline models deploy small --role challenger --share 20")

    assert share(aside, "ModelB") == pytest.approx(0.2)
    assert active(aside) == FIRST
    answered = ask(aside, records, 20)
    assert set(answered) == {FIRST, SECOND}
    assert answered[FIRST] > answered[SECOND]


def test_the_two_are_shown_side_by_side(aside: World) -> None:
    as_the_readme_says(aside, "ml-pipeline models compare flights-2013-h1 small")
    as_the_readme_says(aside, "ml-pipeline experiment status --plot build/experiment.png")

    with Image.open(aside.folder / "build" / "experiment.png") as picture:
        assert min(picture.size) > 300
    said = aside.cli("experiment", "status").stdout
    assert FIRST in said
    assert SECOND in said


def test_weights_are_set_with_one_command(aside: World) -> None:
    as_the_readme_says(aside, "ml-pipeline weights --model-a 50 --model-b 50")

    assert share(aside, "ModelA") == share(aside, "ModelB") == 0.5
    assert active(aside) == FIRST


def test_a_challenger_that_is_promoted_gets_everything_without_a_new_fleet(
    aside: World, records: list[dict[str, Any]]
) -> None:
    config = served(aside)["config"]

    as_the_readme_says(aside, "ml-pipeline models deploy small")

    assert active(aside) == SECOND
    assert ask(aside, records, 5) == {SECOND: 5}
    assert served(aside)["config"] == config


def test_a_rollback_to_a_warm_version_is_a_shift_of_weights(aside: World, records: list[dict[str, Any]]) -> None:
    config = served(aside)["config"]
    began = time.monotonic()

    as_the_readme_says(aside, "ml-pipeline models rollback")

    assert time.monotonic() - began < SECONDS_FOR_A_ROLLBACK
    assert active(aside) == FIRST
    assert ask(aside, records, 5) == {FIRST: 5}
    assert served(aside)["config"] == config


def test_changing_the_active_version_by_hand_changes_what_is_served(
    aside: World, records: list[dict[str, Any]]
) -> None:
    aside.client("ssm").put_parameter(Name=ACTIVE, Value=SECOND, Overwrite=True)

    deadline = time.monotonic() + SECONDS_FOR_A_ROLLBACK
    while ask(aside, records, 3) != {SECOND: 3}:
        assert time.monotonic() < deadline, "nobody followed the parameter"
        time.sleep(1)
    assert active(aside) == SECOND


def test_a_typo_in_the_active_version_is_reported_and_changes_no_answer(
    aside: World, records: list[dict[str, Any]]
) -> None:
    api, before = api_of(aside), served(aside)
    aside.client("ssm").put_parameter(Name=ACTIVE, Value="smal", Overwrite=True)

    reported = last_rollback(aside, "FAILED")
    assert reported["error"] == "NoSuchVersion"
    for named in ("'smal'", f"registered are {FIRST}, {SECOND}", f"{SECOND} is served as before"):
        assert named in reported["cause"]
    assert ask(aside, records, 3, api) == {SECOND: 3}
    # Also by a process that starts now.
    function = DEPLOYED.function("predict")
    aside.client("lambda").update_function_configuration(FunctionName=function, Description="Started anew")
    assert ask(aside, records, 3, api) == {SECOND: 3}
    assert (served(aside), active(aside)) == (before, "smal")
    assert "'smal', which is not registered" in aside.cli("models", "list").stdout

    aside.cli("models", "rollback")

    assert (served(aside), active(aside)) == (before, SECOND)


def last_rollback(world: World, status: str) -> dict[str, Any]:
    """Description of the execution that started last, when it has ended so."""
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{DEPLOYED.state_machine('model-rollback')}"
    states, deadline = world.client("stepfunctions"), time.monotonic() + SECONDS_FOR_A_ROLLBACK
    while (last := states.list_executions(stateMachineArn=arn)["executions"][0])["status"] != status:
        assert time.monotonic() < deadline, f"the last rollback is {last['status']}"
        time.sleep(0.5)
    described: dict[str, Any] = states.describe_execution(executionArn=last["executionArn"])
    return described


def test_a_tampered_artifact_is_refused_and_nothing_changes(aside: World, records: list[dict[str, Any]]) -> None:
    registry = Registry("/ml-pipeline/models", aside.client("ssm"), Storage(aside.s3))
    second = registry.whole(SECOND)
    bucket, _, key = second.artifact.removeprefix("s3://").partition("/")
    body = aside.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    forged = "versions/forged/model.tar.gz"
    aside.s3.put_object(Bucket=bucket, Key=forged, Body=body + b"\0")
    registry.register(replace(second, version_id="forged", artifact=f"s3://{bucket}/{forged}"))
    before = served(aside)

    done = aside.cli("models", "deploy", "forged", check=False)

    assert done.returncode == 1
    assert "ArtifactTampered" in done.stdout + done.stderr
    assert served(aside) == before
    assert active(aside) == SECOND
    assert ask(aside, records, 2) == {SECOND: 2}


def test_of_two_deployments_at_once_one_is_refused_by_name(aside: World) -> None:
    states = aside.client("stepfunctions")
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{DEPLOYED.state_machine('model-deploy')}:live"
    request = json.dumps({"version": FIRST, "role": "challenger", "sharePercent": 10})

    started = [states.start_execution(stateMachineArn=arn, input=request)["executionArn"] for _ in range(2)]
    ended = [aside.wait(execution) for execution in started]

    assert sorted(each["status"] for each in ended) == ["FAILED", "SUCCEEDED"]
    (refused,) = (each for each in ended if each["status"] == "FAILED")
    assert refused["error"] == "DeploymentInProgress"
    assert active(aside) == SECOND
    lock = DeploymentLock("/ml-pipeline/models", Executions(states), aside.client("ssm"))
    assert lock.hold() is None, "the lock was not given back"


def fail_next(world: World, **fault: Any) -> None:
    """Let the next calls of an operation fail: Service, Operation, Code and Times."""
    request = AWSRequest(
        "POST", world.url, data=json.dumps(fault).encode(), headers={"X-Amz-Target": "MlPipelineFaults.Put"}
    )
    SigV4Auth(Credentials("test", "test"), "faults", "us-east-1").add_auth(request)
    sent = urllib.request.Request(world.url, data=request.body, headers=dict(request.headers))
    urllib.request.urlopen(sent, timeout=10).close()


def test_deploying_changed_infrastructure_leaves_the_served_model_and_its_scaling_alone(
    aside: World, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    copy = source_tree(tmp_path)
    settings = copy / "infra" / "cdk.json"
    settings.write_text(settings.read_text().replace("ml-platform-team", "another-team"))
    scaling = aside.client("application-autoscaling")
    before = served(aside), scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]

    run_from(copy, aside.folder, "-m", "infra.cli.main", "deploy", **aside.environment)

    after = served(aside), scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert after == before
    assert active(aside) == SECOND
    assert SECOND in ask(aside, records, 5)
    function = aside.client("lambda").get_function(FunctionName=DEPLOYED.function("predict"))
    assert function["Tags"]["Owner"] == "another-team", "nothing was deployed"


def test_a_deployment_that_fails_when_traffic_is_to_move_leaves_what_served_before(
    aside: World, records: list[dict[str, Any]]
) -> None:
    before = served(aside)
    fail_next(aside, Service="sagemaker", Operation="UpdateEndpointWeightsAndCapacities", Code="ResourceLimitExceeded")

    done = aside.cli("models", "deploy", FIRST, check=False)

    assert done.returncode == 1
    assert "ResourceLimitExceeded" in done.stdout + done.stderr
    assert served(aside) == before
    assert active(aside) == SECOND
    assert ask(aside, records, 10)[SECOND] >= 5


def test_a_throttled_parameter_store_only_takes_a_deployment_longer(
    aside: World, records: list[dict[str, Any]]
) -> None:
    fail_next(aside, Service="ssm", Operation="PutParameter", Code="ThrottlingException", Times=2)

    aside.cli("models", "deploy", FIRST)

    assert active(aside) == FIRST
    assert ask(aside, records, 5) == {FIRST: 5}


def test_no_server_is_left_of_a_model_that_serves_no_more(aside: World) -> None:
    variants = aside.client("sagemaker").describe_endpoint(EndpointName=DEPLOYED.endpoint)["ProductionVariants"]
    instances = sum(each["CurrentInstanceCount"] for each in variants)

    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    servers = [line for line in listed if "batch_jobs serve" in line and str(aside.folder) in line]

    assert len(servers) <= instances

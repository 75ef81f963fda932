"""Faults that are asked for: which calls fail, how often, and how clients take it."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from infra.local.server import EmbeddedAws

from .state_machine_world import World

Fault = Callable[..., int]


@pytest.fixture
def fault(aws: EmbeddedAws) -> Iterator[Fault]:
    """Asks for faults; returns the status of the answer."""

    def ask(action: str = "Put", **members: Any) -> int:
        scope = "test/20260101/us-east-1/faults/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "X-Amz-Target": f"MlPipelineFaults.{action}",
        }
        request = urllib.request.Request(aws.url, json.dumps(members).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    yield ask
    assert ask("Clear") == 200


@pytest.fixture
def impatient(aws: EmbeddedAws) -> Any:
    """A client of Parameter Store that tries once."""
    once = Config(retries={"total_max_attempts": 1})
    session = boto3.session.Session("test", "test", region_name="us-east-1")
    return session.client("ssm", endpoint_url=aws.url, config=once)


def test_the_named_calls_fail_as_often_as_asked_and_no_others(fault: Fault, impatient: Any, name: str) -> None:
    impatient.put_parameter(Name=name, Value="v", Type="String")
    assert fault(Service="ssm", Operation="GetParameter", Code="ThrottlingException", Times=2) == 200

    codes = []
    for _ in range(2):
        with pytest.raises(impatient.exceptions.ClientError) as failed:
            impatient.get_parameter(Name=name)
        codes.append(failed.value.response["Error"])
    impatient.get_parameter_history(Name=name)

    assert codes == [{"Code": "ThrottlingException", "Message": "Rate exceeded"}] * 2
    assert impatient.get_parameter(Name=name)["Parameter"]["Value"] == "v"


def test_a_client_that_tries_again_outlasts_throttling(fault: Fault, client: Any, name: str) -> None:
    fault(Service="ssm", Operation="PutParameter", Code="ThrottlingException", Times=2)

    answer = client("ssm").put_parameter(Name=name, Value="v", Type="String")

    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert answer["Version"] == 1


def test_a_workflow_meets_a_fault_under_its_own_name(fault: Fault, client: Any) -> None:
    states: Any = World(client)  # type: ignore[no-untyped-call]
    fault(Service="sagemaker", Operation="DescribeEndpoint", Code="ThrottlingException", Times=10)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
        "Parameters": {"EndpointName": "e"},
        "End": True,
    }

    ended = states.run({"StartAt": "T", "States": {"T": task}})

    assert (ended["error"], ended["cause"][:13]) == ("SageMaker.SageMakerException", "Rate exceeded")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"Service": "ssm", "Operation": "GetParameter"},
        {"Service": "ssm", "Operation": "GetParametre", "Code": "X"},
        {"Service": "sns", "Operation": "Publish", "Code": "X"},
        {"Service": "ssm", "Operation": "GetParameter", "Code": "X", "Times": 0},
    ],
)
def test_a_fault_that_could_not_happen_is_refused(fault: Fault, members: dict[str, Any]) -> None:
    assert fault(**members) == 400

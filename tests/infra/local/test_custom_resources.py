"""A custom resource is made, changed and deleted by its function, and fails with the function's reason."""

import json
from typing import Any

import pytest

from .stack_world import Stack, Template, delete, deploy, refusal

SOURCE = """
import json, urllib.request

def handler(event, context):
    properties = event["ResourceProperties"]
    print("EVENT", json.dumps(event))
    if properties.get("Mode") == "raise":
        raise ValueError("cannot ship")
    answer = {
        "Status": "FAILED" if properties.get("Mode") == "refuse" else "SUCCESS",
        "Reason": "no such version",
        "PhysicalResourceId": event.get("PhysicalResourceId", "shipped-" + properties["Version"]),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Version": properties["Version"]},
    }
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"content-type": ""}, method="PUT")
    urllib.request.urlopen(request, timeout=10)
"""

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}},
    ],
}


def resources(function: str, **properties: str) -> Template:
    body = {"ServiceToken": function, "Version": "1", **properties}
    version = {"Fn::GetAtt": ["Shipped", "Version"]}
    return {
        "Shipped": {"Type": "Custom::ShippedModel", "Properties": body},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"Description": version, "AssumeRolePolicyDocument": TRUST}},
    }


def events(client: Any, name: str) -> list[dict[str, Any]]:
    found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [json.loads(event["message"][6:]) for event in found if event["message"].startswith("EVENT ")]


def test_a_custom_resource_is_created_updated_and_deleted_by_its_function(
    client: Any, function: Any, name: str
) -> None:
    cloudformation, arn = client("cloudformation"), function(SOURCE)
    ids = deploy(cloudformation, name, resources(arn))
    updated = deploy(cloudformation, name, resources(arn, Version="2"))
    shown = client("iam").get_role(RoleName=ids["Role"])["Role"]["Description"]
    delete(cloudformation, name)

    seen = events(client, name)
    assert [event["RequestType"] for event in seen] == ["Create", "Update", "Delete"]
    assert (ids["Shipped"], updated["Shipped"], shown) == ("shipped-1", "shipped-1", "2")
    assert seen[1]["OldResourceProperties"]["Version"] == "1"
    assert {event.get("PhysicalResourceId") for event in seen} == {None, "shipped-1"}
    assert all(event["ResourceType"] == "Custom::ShippedModel" for event in seen)


def test_a_second_deployment_without_a_change_does_not_call_the_function(
    client: Any, stack: Stack, function: Any, name: str
) -> None:
    arn = function(SOURCE)
    stack(resources(arn))

    with pytest.raises(client("cloudformation").exceptions.ClientError, match="No updates"):
        stack(resources(arn))
    assert len(events(client, name)) == 1


@pytest.mark.parametrize(("mode", "reason"), [("refuse", "no such version"), ("raise", "ValueError: cannot ship")])
def test_the_reason_of_a_failure_reaches_the_stack(
    client: Any, function: Any, name: str, mode: str, reason: str
) -> None:
    assert reason in refusal(client, name, resources(function(SOURCE), Mode=mode))

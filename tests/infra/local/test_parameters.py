"""Parameter Store: who hears of a change, what history shows, and who of many gets a name."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import may

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
PATIENCE_SECONDS = 10.0
ANYTHING = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": "*"}

Rule = Callable[..., str]


@pytest.fixture
def alias(client: Any, role: Any, name: str) -> str:
    states = client("stepfunctions")
    machine = states.create_state_machine(
        name=name, definition=json.dumps(PASS), roleArn=role("states.amazonaws.com"), publish=True
    )
    route = {"stateMachineVersionArn": machine["stateMachineVersionArn"], "weight": 100}
    return str(states.create_state_machine_alias(name="live", routingConfiguration=[route])["stateMachineAliasArn"])


@pytest.fixture
def rule(client: Any, name: str) -> Iterator[Rule]:
    """Makes a rule on changes of the parameter ``/{name}/active`` with one target; returns its ARN."""
    events = client("events")

    def make(target: str, role: str | None, *operations: str) -> str:
        pattern = {
            "source": ["aws.ssm"],
            "detail-type": ["Parameter Store Change"],
            "detail": {"name": [f"/{name}/active"], "operation": list(operations)},
        }
        arn = str(events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"])
        as_role = {} if role is None else {"RoleArn": role}
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target, **as_role}])
        return arn

    yield make
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)


def may_start(alias: str) -> dict[str, Any]:
    return may("StartExecution", alias)


def inputs(client: Any, alias: str, count: int = 1, patience: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
    """Return the inputs of an alias's executions, the first one first, when there are `count`."""
    states, deadline = client("stepfunctions"), time.monotonic() + patience
    found: list[dict[str, Any]] = []
    while len(found) < count and time.monotonic() < deadline:
        found = states.list_executions(stateMachineArn=alias)["executions"]
        time.sleep(0.05)
    described = [states.describe_execution(executionArn=execution["executionArn"]) for execution in found]
    return [json.loads(execution["input"]) for execution in sorted(described, key=lambda each: each["startDate"])]


def test_a_change_starts_the_alias_of_a_workflow_as_the_targets_role(
    client: Any, role: Any, alias: str, rule: Rule, name: str
) -> None:
    ssm, parameter = client("ssm"), f"/{name}/active"
    rule(alias, role("events.amazonaws.com", may_start(alias)), "Update")
    ssm.put_parameter(Name=parameter, Value="v1", Type="String", Description="served")
    ssm.put_parameter(Name=f"/{name}/other", Value="v1", Type="String")
    ssm.put_parameter(Name=parameter, Value="v2", Overwrite=True)

    (event,) = inputs(client, alias)

    assert (event["source"], event["detail-type"]) == ("aws.ssm", "Parameter Store Change")
    assert event["detail"] == {"operation": "Update", "name": parameter, "type": "String", "description": "served"}
    assert event["resources"] == [f"arn:aws:ssm:us-east-1:000000000000:parameter{parameter}"]
    assert inputs(client, alias, 2, patience=0.5) == [event]


def test_a_rule_of_a_stack_starts_the_alias_with_what_it_makes_of_the_event(
    client: Any, role: Any, alias: str, stack: Any, name: str
) -> None:
    pattern = {"source": ["aws.ssm"], "detail": {"name": [f"/{name}/active"], "operation": ["Update"]}}
    target = {
        "Id": "1",
        "Arn": alias,
        "RoleArn": role("events.amazonaws.com", may_start(alias)),
        "InputTransformer": {"InputPathsMap": {"name": "$.detail.name"}, "InputTemplate": '{"changed": <name>}'},
    }
    rule = {"EventPattern": pattern, "State": "ENABLED", "Targets": [target]}
    stack({"Rule": {"Type": "AWS::Events::Rule", "Properties": rule}})

    for value in ("v1", "v2"):
        client("ssm").put_parameter(Name=f"/{name}/active", Value=value, Type="String", Overwrite=True)

    assert inputs(client, alias) == [{"changed": f"/{name}/active"}]


def test_each_kind_of_change_is_told(client: Any, role: Any, alias: str, rule: Rule, name: str) -> None:
    ssm, parameter = client("ssm"), f"/{name}/active"
    rule(alias, role("events.amazonaws.com", may_start(alias)), "Create", "Update", "Delete", "LabelParameterVersion")

    ssm.put_parameter(Name=parameter, Value="v1", Type="String")
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=parameter, Value="v1", Type="String")
    ssm.put_parameter(Name=parameter, Value="v2", Overwrite=True)
    ssm.label_parameter_version(Name=parameter, Labels=["good"])
    ssm.delete_parameter(Name=parameter)
    ssm.put_parameter(Name=parameter, Value="v3", Type="String")
    ssm.delete_parameters(Names=[parameter, f"/{name}/missing"])

    told = [event["detail"]["operation"] for event in inputs(client, alias, 6)]
    assert sorted(told) == sorted(["Create", "Update", "LabelParameterVersion", "Delete", "Create", "Delete"])


def test_a_change_by_a_stack_is_told_too(client: Any, role: Any, alias: str, rule: Rule, stack: Any, name: str) -> None:
    rule(alias, role("events.amazonaws.com", may_start(alias)), "Create", "Update")

    for value in ("v1", "v2"):
        properties = {"Name": f"/{name}/active", "Type": "String", "Value": value}
        stack({"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": properties}})

    assert [event["detail"]["operation"] for event in inputs(client, alias, 2)] == ["Create", "Update"]


@pytest.mark.parametrize(
    ("principal", "statement", "why"),
    [
        (
            "events.amazonaws.com",
            may("StartExecution", "arn:aws:states:*:*:stateMachine:another*:live"),
            "not authorized",
        ),
        ("events.amazonaws.com", may("StartExecution", "*:other"), "not authorized"),
        ("events.amazonaws.com", {**ANYTHING, "Resource": "arn:aws:states:*:*:stateMachine:*:live"}, "not authorized"),
        ("scheduler.amazonaws.com", ANYTHING, "trust policy"),
        (None, None, "names no role"),
    ],
)
def test_a_rule_whose_target_may_not_start_the_workflow_does_not(
    client: Any,
    role: Any,
    alias: str,
    rule: Rule,
    name: str,
    caplog: pytest.LogCaptureFixture,
    principal: str | None,
    statement: dict[str, Any],
    why: str,
) -> None:
    arn = rule(alias, role(principal, statement) if principal else None, "Create")

    client("ssm").put_parameter(Name=f"/{name}/active", Value="v1", Type="String")

    assert inputs(client, alias, patience=0.5) == []
    (logged,) = [message for message in caplog.messages if arn in message]
    assert logged.startswith(f"{arn} did not start {alias}: ")
    assert why in logged


def test_history_shows_every_version_in_pages_until_the_parameter_is_deleted(client: Any, name: str) -> None:
    ssm, parameter = client("ssm"), f"/{name}/active"
    ssm.put_parameter(Name=parameter, Value="v1", Type="String")
    for version in range(2, 6):
        ssm.put_parameter(Name=parameter, Value=f"v{version}", Type="String", Overwrite=True)

    pages = list(ssm.get_paginator("get_parameter_history").paginate(Name=parameter, PaginationConfig={"PageSize": 2}))
    kept = [(entry["Version"], entry["Value"]) for page in pages for entry in page["Parameters"]]
    ssm.delete_parameter(Name=parameter)

    assert len(pages) == 3
    assert kept == [(number, f"v{number}") for number in range(1, 6)]
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter_history(Name=parameter)


def test_of_many_that_create_a_parameter_at_once_one_succeeds(client: Any, name: str) -> None:
    clients, together = [client("ssm") for _ in range(12)], threading.Barrier(12)
    created: list[str] = []
    refused: list[str] = []

    def create(number: int) -> None:
        together.wait()
        try:
            clients[number].put_parameter(Name=f"/{name}/lock", Value=str(number), Type="String")
        except ClientError as error:
            refused.append(error.response["Error"]["Code"])
        else:
            created.append(str(number))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == ["ParameterAlreadyExists"] * 11
    assert [clients[0].get_parameter(Name=f"/{name}/lock")["Parameter"]["Value"]] == created

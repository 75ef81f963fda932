"""Which calls of Step Functions a caller's policies let pass: what each is authorized on, and that this is enforced."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from infra.local.emulator import Check
from infra.local.step_functions.authorization import NAMED_BY, QUALIFIED, QUALIFIER, checks_of
from infra.local.wire import Request

from .conftest import may, policy
from .state_machine_world import single, task

HEAD = "arn:aws:states:eu-west-1:111111111111"
MACHINE = f"{HEAD}:stateMachine:m"
STEP_FUNCTIONS = get_session().get_service_model("stepfunctions")


def checks(operation: str, **members: Any) -> list[Check]:
    headers = {"x-amz-target": f"AWSStepFunctions.{operation}"}
    body = json.dumps(members).encode()
    return checks_of(Request("POST", "/", headers, body, {}, "1" * 12, "eu-west-1"))


def test_it_is_said_of_every_operation_what_names_its_resource() -> None:
    assert NAMED_BY.keys() == set(STEP_FUNCTIONS.operation_names)
    assert NAMED_BY.keys() >= QUALIFIED
    for operation, members in NAMED_BY.items():
        assert set(members) <= set(STEP_FUNCTIONS.operation_model(operation).input_shape.members)


@pytest.mark.parametrize(
    ("operation", "members", "resource", "qualifier"),
    [
        ("CreateActivity", {"name": "a"}, f"{HEAD}:activity:a", None),
        ("CreateStateMachine", {"name": "m"}, MACHINE, None),
        (
            "CreateStateMachineAlias",
            {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": f"{MACHINE}:7", "weight": 100}]},
            MACHINE,
            "live",
        ),
        ("DeleteStateMachineAlias", {"stateMachineAliasArn": f"{MACHINE}:live"}, MACHINE, "live"),
        ("DeleteStateMachineVersion", {"stateMachineVersionArn": f"{MACHINE}:7"}, MACHINE, "7"),
        ("DescribeExecution", {"executionArn": f"{HEAD}:execution:m:e"}, f"{HEAD}:execution:m:e", None),
        ("DescribeExecution", {"executionArn": f"{HEAD}:execution:m/label:e"}, f"{HEAD}:execution:m/label:e", None),
        ("DescribeExecution", {"executionArn": f"{HEAD}:express:m:e:x"}, f"{HEAD}:express:m:e:x", None),
        ("DescribeMapRun", {"mapRunArn": f"{HEAD}:mapRun:m/label:r"}, f"{HEAD}:mapRun:m/label:r", None),
        ("DescribeStateMachine", {"stateMachineArn": f"{MACHINE}:live"}, MACHINE, "live"),
        ("DescribeStateMachine", {"stateMachineArn": f"{MACHINE}/label"}, MACHINE, None),
        ("DescribeStateMachineAlias", {"stateMachineAliasArn": f"{MACHINE}:live"}, MACHINE, "live"),
        ("GetActivityTask", {"activityArn": f"{HEAD}:activity:a"}, f"{HEAD}:activity:a", None),
        ("ListActivities", {}, "*", None),
        ("ListExecutions", {"stateMachineArn": f"{MACHINE}:7"}, MACHINE, "7"),
        ("ListExecutions", {"mapRunArn": f"{HEAD}:mapRun:m/label:r"}, f"{HEAD}:mapRun:m/label:r", None),
        ("ListMapRuns", {"executionArn": f"{HEAD}:execution:m:e"}, f"{HEAD}:execution:m:e", None),
        ("ListStateMachineAliases", {"stateMachineArn": f"{MACHINE}:7"}, MACHINE, "7"),
        ("ListStateMachineVersions", {"stateMachineArn": MACHINE}, MACHINE, None),
        ("ListStateMachines", {}, "*", None),
        ("ListTagsForResource", {"resourceArn": f"{MACHINE}:live"}, MACHINE, None),
        ("RedriveExecution", {"executionArn": f"{HEAD}:execution:m:e"}, f"{HEAD}:execution:m:e", None),
        ("SendTaskSuccess", {"taskToken": "t", "output": "{}"}, "*", None),
        ("StartExecution", {"stateMachineArn": MACHINE}, MACHINE, None),
        ("StartExecution", {"stateMachineArn": f"{MACHINE}:live"}, MACHINE, "live"),
        ("StartExecution", {"stateMachineArn": f"{MACHINE}:7"}, MACHINE, "7"),
        ("StartSyncExecution", {"stateMachineArn": f"{MACHINE}:live"}, MACHINE, "live"),
        ("StopExecution", {"executionArn": f"{HEAD}:execution:m:e"}, f"{HEAD}:execution:m:e", None),
        ("TagResource", {"resourceArn": f"{HEAD}:activity:a", "tags": []}, f"{HEAD}:activity:a", None),
        ("TestState", {"definition": "{}"}, "*", None),
        ("UpdateMapRun", {"mapRunArn": f"{HEAD}:mapRun:m/label:r"}, f"{HEAD}:mapRun:m/label:r", None),
        ("UpdateStateMachine", {"stateMachineArn": MACHINE}, MACHINE, None),
        ("UpdateStateMachineAlias", {"stateMachineAliasArn": f"{MACHINE}:live"}, MACHINE, "live"),
        ("StartExecution", {}, "*", None),
        ("StartExecution", {"stateMachineArn": "m"}, "m", None),
    ],
)
def test_a_call_is_authorized_on_the_resource_without_its_qualifier(
    operation: str, members: dict[str, Any], resource: str, qualifier: str | None
) -> None:
    keys = {} if qualifier is None else {QUALIFIER: qualifier}

    assert checks(operation, **members) == [Check(resource, keys=keys)]


@pytest.mark.parametrize(
    ("operation", "members", "further"),
    [
        ("CreateStateMachine", {"name": "m", "publish": True}, [Check(MACHINE, "states:PublishStateMachineVersion")]),
        ("CreateStateMachine", {"name": "m", "publish": False}, []),
        ("CreateStateMachine", {"name": "m", "tags": [{}]}, [Check(MACHINE, "states:TagResource")]),
        (
            "UpdateStateMachine",
            {"stateMachineArn": MACHINE, "roleArn": "arn:aws:iam::1:role/r", "publish": True},
            [
                Check(MACHINE, "states:PublishStateMachineVersion"),
                Check("arn:aws:iam::1:role/r", "iam:PassRole", {"iam:PassedToService": "states.amazonaws.com"}),
            ],
        ),
        ("TestState", {"revealSecrets": True}, [Check("*", "states:RevealSecrets")]),
    ],
)
def test_some_calls_need_further_permissions(operation: str, members: dict[str, Any], further: list[Check]) -> None:
    assert checks(operation, **members)[1:] == further


# Enforced


@pytest.fixture
def machine(client: Any, role: Any, name: str) -> str:
    """A state machine with version 1 and the aliases live and other of it."""
    states = client("stepfunctions")
    definition = json.dumps(single({"Type": "Pass", "End": True}))
    made = states.create_state_machine(
        name=name, definition=definition, roleArn=role("states.amazonaws.com"), publish=True
    )
    for alias in ("live", "other"):
        route = {"stateMachineVersionArn": made["stateMachineVersionArn"], "weight": 100}
        states.create_state_machine_alias(name=alias, routingConfiguration=[route])
    return str(made["stateMachineArn"])


@pytest.fixture
def states_of(client: Any, name: str) -> Any:
    """Makes a client of Step Functions for a user with the given statements."""
    iam = client("iam")

    def make(*statements: dict[str, Any]) -> Any:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return client("stepfunctions", key["AccessKeyId"], key["SecretAccessKey"])

    return make


def code_of(call: Any, **request: Any) -> str | None:
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_who_may_start_an_alias_may_start_nothing_else(states_of: Any, machine: str) -> None:
    states = states_of(may("StartExecution", f"{machine}:live"))

    refused = [
        code_of(states.start_execution, stateMachineArn=arn)
        for arn in (f"{machine}:live", machine, f"{machine}:other", f"{machine}:1")
    ]

    assert refused == [None, *["AccessDeniedException"] * 3]


@pytest.mark.parametrize("pattern", ["{}:live", "{}:*", "{}:1"])
def test_a_permission_on_a_qualified_arn_allows_nothing(states_of: Any, machine: str, pattern: str) -> None:
    pretended = {"Effect": "Allow", "Action": "states:*", "Resource": pattern.format(machine)}
    states = states_of(pretended)

    for operation in (states.start_execution, states.describe_state_machine, states.list_executions):
        for arn in (f"{machine}:live", f"{machine}:1", machine):
            assert code_of(operation, stateMachineArn=arn) == "AccessDeniedException"


def test_who_may_start_the_state_machine_may_start_its_aliases_and_versions(states_of: Any, machine: str) -> None:
    states = states_of({"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine})

    for arn in (machine, f"{machine}:live", f"{machine}:1"):
        assert code_of(states.start_execution, stateMachineArn=arn) is None


def test_an_alias_can_be_denied(states_of: Any, machine: str) -> None:
    allowed = {"Effect": "Allow", "Action": "states:*", "Resource": "*"}
    states = states_of(allowed, {**may("DescribeStateMachine", f"{machine}:live"), "Effect": "Deny"})

    with pytest.raises(ClientError) as refusal:
        states.describe_state_machine(stateMachineArn=f"{machine}:live")

    told = refusal.value.response["Error"]["Message"]
    assert told.endswith(
        f"states:DescribeStateMachine on resource: {machine} with an explicit deny in an identity-based policy"
    )
    assert states.describe_state_machine(stateMachineArn=f"{machine}:other")["name"]


def test_an_execution_through_an_alias_is_authorized_by_an_arn_without_it(states_of: Any, machine: str) -> None:
    executions = f"{machine.replace(':stateMachine:', ':execution:')}:*"
    states = states_of(
        may("StartExecution", f"{machine}:live"),
        {"Effect": "Allow", "Action": "states:DescribeExecution", "Resource": executions},
    )

    execution = states.start_execution(stateMachineArn=f"{machine}:live")["executionArn"]

    assert states.describe_execution(executionArn=execution)["stateMachineAliasArn"] == f"{machine}:live"
    assert code_of(states.stop_execution, executionArn=execution) == "AccessDeniedException"


def test_who_publishes_while_updating_must_be_allowed_to_and_is_told_what_lacks(states_of: Any, machine: str) -> None:
    states = states_of({"Effect": "Allow", "Action": "states:UpdateStateMachine", "Resource": machine})
    definition = json.dumps(single({"Type": "Succeed"}))

    with pytest.raises(ClientError, match=f"perform: states:PublishStateMachineVersion on resource: {machine} because"):
        states.update_state_machine(stateMachineArn=machine, definition=definition, publish=True)

    assert states.update_state_machine(stateMachineArn=machine, definition=definition)["updateDate"]


@pytest.mark.parametrize(("qualifier", "status"), [("live", "SUCCEEDED"), ("other", "FAILED")])
def test_a_workflow_starts_another_by_the_alias_that_its_role_may_start(
    client: Any, role: Any, machine: str, name: str, qualifier: str, status: str
) -> None:
    states = client("stepfunctions")
    starts = task("arn:aws:states:::states:startExecution", {"StateMachineArn": f"{machine}:{qualifier}"})
    iam = client("iam")
    iam.put_role_policy(
        RoleName=f"{name}-states", PolicyName="start", PolicyDocument=policy(may("StartExecution", f"{machine}:live"))
    )
    parent = states.create_state_machine(
        name=f"{name}-parent",
        definition=json.dumps(starts),
        roleArn=f"arn:aws:iam::000000000000:role/{name}-states",
    )["stateMachineArn"]

    execution = states.start_execution(stateMachineArn=parent)["executionArn"]

    while (ended := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert ended["status"] == status
    assert status == "SUCCEEDED" or "not authorized to perform: states:StartExecution" in ended["cause"]

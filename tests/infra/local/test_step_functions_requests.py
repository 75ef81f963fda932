"""Requests that Step Functions refuses: each with AWS's code, whatever a stranger sends; never a crash."""

import json

import botocore.session
import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.infra.local.state_machine_world import World, refused, single

PASS = json.dumps(single({"Type": "Pass", "End": True}))
OTHER = json.dumps(single({"Type": "Succeed"}))
WAIT = json.dumps(single({"Type": "Wait", "Seconds": 600, "End": True}))
STATES = "arn:aws:states:us-east-1:000000000000"
MODEL = botocore.session.get_session().get_service_model("stepfunctions")
COMMON_CODES = {"ValidationException", "SerializationException", "AccessDeniedException", "InvalidArn", "InvalidName"}


@pytest.fixture
def world(client):
    return World(client)


@pytest.fixture
def call(aws):
    """Sends a request as it is, without the checks of boto3; returns status and answer."""
    pool = urllib3.PoolManager(retries=False)
    credential = "test/20260101/us-east-1/states/aws4_request"

    def send(action, members):
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AWSStepFunctions.{action}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        }
        answer = pool.request("POST", aws.url, body=body, headers=headers)
        return answer.status, answer.json()

    return send


@pytest.mark.parametrize(
    ("action", "members", "code"),
    [
        ("StartExecution", {}, "ValidationException"),
        ("StartExecution", {"stateMachineArn": 1}, "SerializationException"),
        ("StartExecution", {"stateMachineArn": {"a": 1}}, "SerializationException"),
        ("StartExecution", {"stateMachineArn": "x"}, "InvalidArn"),
        ("StartExecution", {"stateMachineArn": f"{STATES}:stateMachine:"}, "InvalidArn"),
        ("StartExecution", {"stateMachineArn": f"{STATES}:execution:m:e"}, "InvalidArn"),
        ("StartExecution", {"stateMachineArn": f"{STATES}:stateMachine:nope"}, "StateMachineDoesNotExist"),
        (
            "StartExecution",
            {"stateMachineArn": f"{STATES}:stateMachine:nope", "traceHeader": "é"},
            "ValidationException",
        ),
        (
            "StartExecution",
            {"stateMachineArn": f"{STATES}:stateMachine:m", "input": "é" * 131_073},
            "ValidationException",
        ),
        (
            "DescribeStateMachine",
            {"stateMachineArn": "arn:aws:states:eu-west-1:000000000000:stateMachine:m"},
            "InvalidArn",
        ),
        (
            "DescribeStateMachine",
            {"stateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:m"},
            "AccessDeniedException",
        ),
        ("DescribeExecution", {"executionArn": f"{STATES}:express:m:e:1"}, "InvalidArn"),
        ("StopExecution", {"executionArn": f"{STATES}:express:m:e:1"}, "InvalidArn"),
        ("DescribeExecution", {"executionArn": f"{STATES}:execution:m:e"}, "ExecutionDoesNotExist"),
        ("RedriveExecution", {"executionArn": f"{STATES}:execution:m:e"}, "ExecutionDoesNotExist"),
        ("RedriveExecution", {"executionArn": f"{STATES}:execution:m:e", "clientToken": "a b"}, "ValidationException"),
        ("GetExecutionHistory", {"executionArn": f"{STATES}:execution:m:e", "maxResults": 1001}, "ValidationException"),
        ("GetExecutionHistory", {"executionArn": f"{STATES}:execution:m:e", "maxResults": -1}, "ValidationException"),
        (
            "GetExecutionHistory",
            {"executionArn": f"{STATES}:execution:m:e", "maxResults": "9"},
            "SerializationException",
        ),
        ("ListExecutions", {}, "ValidationException"),
        ("ListExecutions", {"mapRunArn": f"{STATES}:mapRun:m/l:1"}, "ResourceNotFound"),
        (
            "ListExecutions",
            {"stateMachineArn": f"{STATES}:stateMachine:m", "statusFilter": "DONE"},
            "ValidationException",
        ),
        ("ListStateMachines", {"nextToken": "x"}, "InvalidToken"),
        ("ListActivities", {"nextToken": "WzAsICJhIl0="}, "InvalidToken"),
        ("ListStateMachineVersions", {"stateMachineArn": f"{STATES}:activity:nope"}, "InvalidArn"),
        ("ListStateMachineAliases", {"stateMachineArn": f"{STATES}:stateMachine:nope"}, "StateMachineDoesNotExist"),
        ("PublishStateMachineVersion", {"stateMachineArn": "invalid_arn"}, "InvalidArn"),
        ("PublishStateMachineVersion", {"stateMachineArn": f"{STATES}:stateMachine:nope"}, "StateMachineDoesNotExist"),
        ("DeleteStateMachineVersion", {"stateMachineVersionArn": f"{STATES}:stateMachine:m"}, "ValidationException"),
        ("DeleteStateMachine", {"stateMachineArn": f"{STATES}:stateMachine:m:1"}, "ValidationException"),
        ("DescribeStateMachineAlias", {"stateMachineAliasArn": f"{STATES}:stateMachine:m:a"}, "ResourceNotFound"),
        ("UpdateStateMachineAlias", {"stateMachineAliasArn": f"{STATES}:stateMachine:m:a"}, "ResourceNotFound"),
        ("CreateActivity", {"name": "a b"}, "InvalidName"),
        ("CreateActivity", {"name": "a" * 81}, "ValidationException"),
        ("DescribeActivity", {"activityArn": f"{STATES}:activity:nope"}, "ActivityDoesNotExist"),
        ("GetActivityTask", {"activityArn": f"{STATES}:activity:nope"}, "ActivityDoesNotExist"),
        ("SendTaskSuccess", {"taskToken": "t", "output": "1"}, "InvalidToken"),
        ("SendTaskFailure", {"taskToken": "t", "cause": "c" * 32_769}, "ValidationException"),
        ("SendTaskFailure", {"taskToken": "t", "error": "e" * 257}, "ValidationException"),
        ("SendTaskHeartbeat", {"taskToken": "t" * 2049}, "ValidationException"),
        ("TagResource", {"resourceArn": f"{STATES}:stateMachine:nope", "tags": []}, "ResourceNotFound"),
        ("UntagResource", {"resourceArn": f"{STATES}:activity:nope", "tagKeys": []}, "ResourceNotFound"),
        ("ListTagsForResource", {"resourceArn": f"{STATES}:execution:m:e"}, "InvalidArn"),
        ("UpdateMapRun", {"mapRunArn": f"{STATES}:mapRun:m/l:1", "maxConcurrency": -1}, "ValidationException"),
        ("UpdateMapRun", {"mapRunArn": f"{STATES}:mapRun:m/l:1", "maxConcurrency": 1}, "ResourceNotFound"),
        (
            "UpdateMapRun",
            {"mapRunArn": f"{STATES}:mapRun:m/l:1", "toleratedFailurePercentage": 101},
            "ValidationException",
        ),
        ("ValidateStateMachineDefinition", {"definition": PASS, "maxResults": 101}, "ValidationException"),
        ("TestState", {"definition": "[1"}, "InvalidDefinition"),
        ("NoSuchOperation", {}, "UnknownOperationException"),
        ("ListStateMachines", b"[]", "SerializationException"),
        ("ListStateMachines", b"not json", "SerializationException"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_code_of_aws(call, action, members, code):
    status, answer = call(action, members)

    assert (status, answer["__type"]) == (400, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"definition": "not json"}, "InvalidDefinition"),
        ({"definition": '{"StartAt":' + "1" * 5000 + "}"}, "InvalidDefinition"),
        ({"definition": PASS.replace("{", "{ ", 1) + " " * 1_048_576}, "ValidationException"),
        ({"name": "a:b"}, "InvalidName"),
        ({"roleArn": "nobody"}, "InvalidArn"),
        ({"roleArn": "arn:aws:iam::000000000000:user/ann"}, "InvalidArn"),
        ({"roleArn": "arn:aws:iam::111111111111:role/theirs"}, "AccessDeniedException"),
        ({"versionDescription": "first"}, "ValidationException"),
        ({"loggingConfiguration": {"level": "LOUD"}}, "ValidationException"),
        ({"loggingConfiguration": {"level": "ALL", "destinations": [{}, {}]}}, "InvalidLoggingConfiguration"),
        (
            {
                "loggingConfiguration": {
                    "level": "ALL",
                    "destinations": [
                        {
                            "cloudWatchLogsLogGroup": {
                                "logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:nope:*"
                            }
                        }
                    ],
                }
            },
            "InvalidLoggingConfiguration",
        ),
        ({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}}, "InvalidEncryptionConfiguration"),
        (
            {"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "nope"}},
            "InvalidEncryptionConfiguration",
        ),
        (
            {"encryptionConfiguration": {"type": "AWS_OWNED_KEY", "kmsKeyId": "k"}},
            "InvalidEncryptionConfiguration",
        ),
        (
            {"encryptionConfiguration": {"type": "AWS_OWNED_KEY", "kmsDataKeyReusePeriodSeconds": 59}},
            "ValidationException",
        ),
        ({"tags": [{"key": f"k{i}", "value": "v"} for i in range(51)]}, "TooManyTags"),
        ({"tags": [{"key": "aws:mine", "value": "v"}]}, "ValidationException"),
    ],
)
def test_settings_that_aws_refuses_make_no_state_machine(world, call, change, code):
    request = {"name": world.unique, "definition": PASS, "roleArn": "arn:aws:iam::000000000000:role/nobody", **change}

    status, answer = call("CreateStateMachine", request)

    assert (status, answer["__type"]) == (400, code)
    assert world.unique not in {machine["name"] for machine in world.states.list_state_machines()["stateMachines"]}


def test_a_role_that_does_not_trust_step_functions_is_refused(world):
    role = world.role(principal={"Service": "lambda.amazonaws.com"})
    regional = world.role(principal={"Service": "states.us-east-1.amazonaws.com"})

    code, message = refused(world.states.create_state_machine, name=world.unique, definition=PASS, roleArn=role)

    assert code == "AccessDeniedException"
    assert "authorized to assume the provided role" in message
    world.states.create_state_machine(name=world.unique, definition=PASS, roleArn=regional)


@pytest.fixture(scope="module")
def arns(client):
    """ARNs of one resource of each kind, and of some that are not there."""
    world = World(client)
    states = world.states
    machine = states.create_state_machine(
        name=f"fuzz-{world.unique}", definition=PASS, roleArn=world.role(), publish=True
    )
    return [
        machine["stateMachineArn"],
        machine["stateMachineVersionArn"],
        states.create_activity(name=f"fuzz-{world.unique}")["activityArn"],
        states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"],
        f"{STATES}:mapRun:m/l:1",
        "arn:aws:states:eu-west-1:000000000000:stateMachine:m",
        "arn:aws:iam::000000000000:role/nobody",
        "arn",
        "",
    ]


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
TEXTS = [PASS, OTHER, "{}", "[1, 2]", "NaN", "1e999", '"\ud800"', "[" * 5000, "1" * 5000, "a", "a b", "\x00", "é" * 90]


def values(shape, arns):
    """Values that a member may have, or nearly."""
    if shape.type_name == "structure":
        members = {name: values(member, arns) for name, member in shape.members.items()}
        required = {name: members[name] for name in shape.required_members}
        return st.fixed_dictionaries(required, optional={k: v for k, v in members.items() if k not in required}) | JUNK
    if shape.type_name == "list":
        return st.lists(values(shape.member, arns), max_size=3) | JUNK
    if shape.type_name == "string":
        chosen = st.sampled_from(arns if shape.name in ("Arn", "LongArn") else TEXTS)
        return st.one_of(chosen, chosen, st.sampled_from(shape.enum) if shape.enum else chosen, JUNK)
    return st.integers(-1, 1001) | st.booleans() | JUNK


@pytest.mark.parametrize("action", [name for name in MODEL.operation_names if name != "GetActivityTask"])
def test_no_request_crashes_the_service(call, arns, action):
    operation = MODEL.operation_model(action)
    codes = COMMON_CODES | {shape.name for shape in operation.error_shapes}

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(operation.input_shape, arns))
    def attempt(members):
        status, answer = call(action, members)
        assert status < 500, answer
        assert status < 300 or answer["__type"] in codes, answer

    attempt()

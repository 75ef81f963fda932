"""TestState: one state, run by itself or with a mock."""

import json

import pytest

from tests.infra.local.state_machine_world import INVOKE, World, refused, single

MAP = {"Type": "Map", "ItemProcessor": single({"Type": "Pass", "End": True}), "End": True}
BRANCHES = [{"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in ("Left", "Right")]
PARALLEL = {"Type": "Parallel", "Branches": BRANCHES, "End": True}
TASK = {**INVOKE, "End": True}
PUT_EVENTS = {
    "Type": "Task",
    "Resource": "arn:aws:states:::events:putEvents",
    "Parameters": {"Entries": []},
    "End": True,
}


@pytest.fixture
def world(client):
    return World(client)


def state_test(world, state, given=None, **request):
    answer = world.states.test_state(definition=json.dumps(state), input=json.dumps(given or {}), **request)
    del answer["ResponseMetadata"]
    return answer


def test_a_state_by_itself_gives_its_output_and_the_next_state(world):
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericGreaterThan": 1, "Next": "Many"}],
        "Default": "Few",
    }

    assert state_test(world, {"Type": "Pass", "Result": 1, "End": True}) == {"status": "SUCCEEDED", "output": "1"}
    assert state_test(world, choice, {"n": 2}) == {"status": "SUCCEEDED", "output": '{"n":2}', "nextState": "Many"}


def test_a_task_by_itself_makes_a_real_call(world):
    double = world.function("def handler(event, context):\n    return 2 * event['n']\n")
    state = {"Type": "Task", "Resource": double, "ResultPath": "$.twice", "Next": "More"}

    answer = state_test(world, state, {"n": 4}, roleArn=world.role())

    assert answer == {"status": "SUCCEEDED", "output": '{"n":4,"twice":8}', "nextState": "More"}


def test_the_inspection_tells_the_data_between_the_steps(world):
    state = {
        **INVOKE,
        "InputPath": "$.a",
        "Parameters": {"FunctionName": "f", "Payload.$": "$"},
        "ResultSelector": {"r.$": "$.StatusCode"},
        "ResultPath": "$.b",
        "End": True,
    }

    answer = state_test(world, state, {"a": {"x": 1}}, mock={"result": '{"StatusCode":7}'}, inspectionLevel="DEBUG")

    assert answer["inspectionData"] == {
        "input": '{"a":{"x":1}}',
        "afterInputPath": '{"x":1}',
        "afterParameters": '{"FunctionName":"f","Payload":{"x":1}}',
        "result": '{"StatusCode":7}',
        "afterResultSelector": '{"r":7}',
        "afterResultPath": '{"a":{"x":1},"b":{"r":7}}',
    }


@pytest.mark.parametrize(
    ("recovery", "expected"),
    [
        ({}, {"status": "FAILED"}),
        ({"Retry": [{"ErrorEquals": ["Busy"]}]}, {"status": "RETRIABLE"}),
        (
            {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Help"}]},
            {
                "status": "CAUGHT_ERROR",
                "nextState": "Help",
                "output": '{"e":{"Error":"Busy","Cause":"very"}}',
            },
        ),
    ],
)
def test_a_failing_state_tells_what_would_be_done_about_it(world, recovery, expected):
    mock = {"errorOutput": {"error": "Busy", "cause": "very"}}

    answer = state_test(world, {**INVOKE, "End": True, **recovery}, mock=mock)

    assert answer == {"error": "Busy", "cause": "very", **expected}


def test_a_task_needs_a_role_to_be_tested(world):
    definition = json.dumps({**INVOKE, "End": True})

    assert refused(world.states.test_state, definition=definition) == (
        "ValidationException",
        "RoleArn must be specified when testing a Task state",
    )


def test_a_state_can_be_picked_out_of_a_machine(world):
    branch = single({"Type": "Pass", "Result": "inner", "End": True})
    machine = single({"Type": "Parallel", "Branches": [branch], "End": True})
    machine["States"]["Other"] = machine["States"].pop("Only")

    answer = world.states.test_state(definition=json.dumps(machine), stateName="Only")

    assert answer["output"] == '"inner"'


@pytest.mark.parametrize(
    ("state", "mock", "message"),
    [
        ({"Type": "Succeed"}, {"result": "1"}, "State type 'Succeed' is not supported when a mock is specified"),
        (TASK, {"result": "{"}, "Mocked result must be valid JSON"),
        (
            TASK,
            {"result": "{}", "errorOutput": {"error": "E"}},
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (MAP, {"result": "{}"}, "Mocked result must be an array."),
        (
            PARALLEL,
            {"result": "[1]"},
            "Mocked result must contain the same number of items as number of Parallel branches.",
        ),
        (
            TASK,
            {"result": '{"StatusCode":"200"}'},
            "Mock result schema validation error: Field 'StatusCode' must be a number",
        ),
        (
            PUT_EVENTS,
            {"result": '{"Entries":[{"EventId":"a"},{"EventId":["b"]}]}'},
            "Mock result schema validation error: Field 'EventId' must be a string",
        ),
    ],
)
def test_a_mock_that_could_not_be_is_refused(world, state, mock, message):
    assert refused(state_test, world, state, mock=mock) == ("ValidationException", message)


@pytest.mark.parametrize("state", [MAP, PARALLEL])
def test_a_state_with_machines_of_its_own_needs_a_mock(world, state):
    code, message = refused(state_test, world, state, roleArn=world.role())

    assert code == "InvalidDefinition"
    assert message.startswith("TestState API does not support Map or Parallel states.")


def test_how_strictly_a_mock_is_compared_can_be_chosen(world):
    start = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}
    start["Parameters"] = {"StateMachineArn": "m"}
    partial, wrong = '{"ExecutionArn":"e"}', '{"ExecutionArn":1}'

    def tested(result, mode):
        return state_test(world, start, mock={"result": result, "fieldValidationMode": mode})["output"]

    assert refused(tested, partial, "STRICT")[1].endswith("Required field 'StartDate' is missing")
    assert tested(partial, "PRESENT") == partial
    assert refused(tested, wrong, "PRESENT")[1].endswith("Field 'ExecutionArn' must be a string")
    assert tested(wrong, "NONE") == wrong


def test_a_mocked_map_shows_its_items_and_limits(world):
    state = {**MAP, "InputPath": "$.in", "ItemsPath": "$.list", "MaxConcurrency": 3, "ResultPath": "$.out"}
    given = {"in": {"list": [1, 2]}}

    answer = state_test(world, state, given, mock={"result": "[3]"}, inspectionLevel="DEBUG")

    assert answer["output"] == '{"in":{"list":[1,2]},"out":[3]}'
    assert answer["inspectionData"] == {
        "input": '{"in":{"list":[1,2]}}',
        "afterInputPath": '{"list":[1,2]}',
        "afterItemsPath": "[1,2]",
        "afterResultSelector": "[3]",
        "afterResultPath": answer["output"],
        "maxConcurrency": 3,
    }


def test_more_failed_items_than_tolerated_fail_a_mocked_map(world):
    distributed = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {**single({"Type": "Pass", "End": True}), "ProcessorConfig": distributed}
    state = {**MAP, "ItemProcessor": processor, "ItemsPath": "$.l", "ToleratedFailureCount": 1}

    def tested(failed):
        configuration = {"mapIterationFailureCount": failed}
        return state_test(world, state, {"l": [1, 2]}, mock={"result": "[0,0]"}, stateConfiguration=configuration)

    assert tested(1)["status"] == "SUCCEEDED"
    assert tested(2)["error"] == "States.ExceedToleratedFailureThreshold"


def test_a_context_object_can_be_given_along_with_a_mock(world):
    state = {**TASK, "ResultSelector": {"name.$": "$$.Execution.Name"}}
    mock = {"result": "{}"}

    answer = state_test(world, state, mock=mock, context='{"Execution":{"Name":"mine"}}')

    assert answer["output"] == '{"name":"mine"}'
    for context, problem in {
        '{"Execution":{"Id":1}}': "Execution.Id must be a string",
        '{"Map":{}}': "'Map' field is not supported when mocking a Context object",
        '{"Mine":{}}': "Field 'Mine' is not allowed",
    }.items():
        assert refused(state_test, world, state, mock=mock, context=context) == (
            "ValidationException",
            f"Invalid Context object provided: {problem}",
        )


def test_exhausted_attempts_are_told(world):
    state = {**TASK, "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 2, "IntervalSeconds": 3, "BackoffRate": 2}]}

    def tested(retried):
        mock = {"errorOutput": {"error": "Busy", "cause": "very"}}
        configuration = {"retrierRetryCount": retried}
        answer = state_test(world, state, mock=mock, stateConfiguration=configuration, inspectionLevel="DEBUG")
        return answer["status"], answer["inspectionData"]["errorDetails"]

    assert tested(1) == ("RETRIABLE", {"retryIndex": 0, "retryBackoffIntervalSeconds": 6})
    assert tested(2) == ("FAILED", {"retryIndex": 0})

"""Executions through the API: started, watched, stopped, redriven, listed."""

import json
import time

import pytest

from tests.infra.local.state_machine_world import World, refused, single, task

PASS = single({"Type": "Pass", "Result": {"x": 1}, "End": True})
BAD_JSON = (
    "Invalid State Machine Execution Input: 'Unexpected character (''' (code 39)): "
    "was expecting double-quote to start field name'"
)
WAIT = single({"Type": "Wait", "Seconds": 600, "End": True})


@pytest.fixture
def world(client):
    return World(client)


def test_a_finished_execution_is_described_with_all_that_aws_tells(world):
    ended = world.run(PASS)

    assert ended["status"] == "SUCCEEDED"
    assert ended["output"] == '{"x":1}'
    assert ended["inputDetails"] == ended["outputDetails"] == {"included": True}
    assert ended["redriveCount"] == 0
    assert ended["redriveStatus"] == "NOT_REDRIVABLE"
    assert ended["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    assert ended["startDate"] <= ended["stopDate"]


def test_the_same_name_and_input_while_running_is_the_same_execution(world):
    machine = world.machine(WAIT)
    start = world.states.start_execution

    first = start(stateMachineArn=machine, name="run", input='{"a":1}')
    again = start(stateMachineArn=machine, name="run", input='{"a":1}')

    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    taken = ("ExecutionAlreadyExists", f"Execution Already Exists: '{first['executionArn']}'")
    assert refused(start, stateMachineArn=machine, name="run", input="{}") == taken
    world.states.stop_execution(executionArn=first["executionArn"])
    assert refused(start, stateMachineArn=machine, name="run", input='{"a":1}') == taken
    assert len(world.states.list_executions(stateMachineArn=machine)["executions"]) == 1


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            {"input": "{'a': 1}"},
            "InvalidExecutionInput",
            BAD_JSON,
        ),
        ({"input": ""}, "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'"),
        ({"name": "a b"}, "InvalidName", "Invalid Name: 'a b'"),
        ({"name": "a/b"}, "InvalidName", "Invalid Name: 'a/b'"),
        (
            {"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:nonesuch"},
            "StateMachineDoesNotExist",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:nonesuch'",
        ),
        ({"stateMachineArn": "nonesuch"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nonesuch'"),
    ],
)
def test_a_bad_start_is_refused_in_the_words_of_aws(world, request_, code, message):
    start = world.states.start_execution

    assert refused(start, **{"stateMachineArn": world.machine(PASS), **request_}) == (code, message)


@pytest.mark.parametrize("text", ["2", '"text"', "null", "[]"])
def test_the_input_may_be_any_json(world, text):
    machine = world.machine(single({"Type": "Succeed"}))

    started = world.states.start_execution(stateMachineArn=machine, input=text)

    assert world.end_of(started["executionArn"])["output"] == text


def test_stopping_tells_error_and_cause_and_ends_the_history(world):
    execution = world.start(WAIT)

    world.states.stop_execution(executionArn=execution, error="Enough", cause="of it")

    described = world.states.describe_execution(executionArn=execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "of it")
    assert described["redriveStatus"] == "REDRIVABLE"
    last = world.events(execution)[-1]
    assert last["type"] == "ExecutionAborted"
    assert last["executionAbortedEventDetails"] == {"error": "Enough", "cause": "of it"}


def test_an_execution_times_out(world):
    ended = world.run({**WAIT, "TimeoutSeconds": 1})

    assert ended["status"] == "TIMED_OUT"
    assert world.types(ended["executionArn"])[-1] == "ExecutionTimedOut"


def test_a_task_that_takes_too_long_times_out(world):
    slow = world.function("import time\ndef handler(event, context):\n    time.sleep(3)\n")

    ended = world.run(task(slow, TimeoutSeconds=1))

    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
    assert "LambdaFunctionTimedOut" in world.types(ended["executionArn"])


def test_history_comes_in_pages_forwards_and_backwards_with_and_without_data(world):
    execution = world.run(PASS, {"secret": 1})["executionArn"]

    forwards = [event["id"] for event in world.events(execution, PaginationConfig={"PageSize": 1})]
    backwards = [event["id"] for event in world.events(execution, reverseOrder=True, PaginationConfig={"PageSize": 3})]
    without_data = world.events(execution, includeExecutionData=False)

    assert forwards == [1, 2, 3, 4]
    assert backwards == [4, 3, 2, 1]
    assert "secret" not in str(without_data)
    assert without_data[0]["executionStartedEventDetails"]["roleArn"]


def test_a_token_of_another_listing_is_refused(world):
    execution = world.run(PASS)["executionArn"]
    history = world.states.get_execution_history
    token = history(executionArn=execution, maxResults=1)["nextToken"]

    code, _ = refused(history, executionArn=execution, maxResults=1, nextToken=token, reverseOrder=True)

    assert code == "InvalidToken"


def test_executions_are_listed_latest_first_by_status_and_in_pages(world):
    machine = world.machine(
        single(
            {
                "Type": "Choice",
                "Default": "Bad",
                "Choices": [{"Variable": "$.good", "BooleanEquals": True, "Next": "Good"}],
            }
        )
        | {
            "States": {
                "Only": {
                    "Type": "Choice",
                    "Default": "Bad",
                    "Choices": [{"Variable": "$.good", "BooleanEquals": True, "Next": "Good"}],
                },
                "Good": {"Type": "Succeed"},
                "Bad": {"Type": "Fail"},
            }
        }
    )
    for number in range(4):
        started = world.states.start_execution(
            stateMachineArn=machine, name=f"n{number}", input=json.dumps({"good": number % 2 == 0})
        )
        world.end_of(started["executionArn"])
    listing = world.states.get_paginator("list_executions")

    def names(**request):
        pages = listing.paginate(stateMachineArn=machine, PaginationConfig={"PageSize": 1}, **request)
        return [execution["name"] for page in pages for execution in page["executions"]]

    assert names() == ["n3", "n2", "n1", "n0"]
    assert names(statusFilter="FAILED") == ["n3", "n1"]
    code, message = refused(world.states.list_executions, stateMachineArn=machine, statusFilter="failed")
    assert code == "ValidationException"
    assert "Value 'failed' at 'statusFilter' failed to satisfy constraint" in message


def test_an_alias_starts_the_version_that_it_routes_to(world):
    states = world.states
    machine = world.machine(single({"Type": "Pass", "Result": 1, "End": True}))
    first = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    second = states.update_state_machine(
        stateMachineArn=machine,
        definition=json.dumps(single({"Type": "Pass", "Result": 2, "End": True})),
        publish=True,
    )["stateMachineVersionArn"]
    alias = states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": first, "weight": 100}]
    )["stateMachineAliasArn"]

    before = world.end_of(states.start_execution(stateMachineArn=alias)["executionArn"])
    states.update_state_machine_alias(
        stateMachineAliasArn=alias, routingConfiguration=[{"stateMachineVersionArn": second, "weight": 100}]
    )
    after = world.end_of(states.start_execution(stateMachineArn=alias)["executionArn"])

    assert (before["output"], after["output"]) == ("1", "2")
    assert (before["stateMachineAliasArn"], before["stateMachineVersionArn"]) == (alias, first)
    assert before["stateMachineArn"] == machine
    started = world.events(before["executionArn"])[0]["executionStartedEventDetails"]
    assert (started["stateMachineAliasArn"], started["stateMachineVersionArn"]) == (alias, first)
    assert len(states.list_executions(stateMachineArn=alias)["executions"]) == 2
    assert len(states.list_executions(stateMachineArn=second)["executions"]) == 1


def test_the_input_is_told_as_it_was_sent(world):
    execution = world.states.start_execution(stateMachineArn=world.machine(PASS), input=" [[1, 2],\n 3.0e1] ")

    described = world.end_of(execution["executionArn"])

    started, entered = world.events(execution["executionArn"])[:2]
    assert started["executionStartedEventDetails"]["input"] == described["input"] == " [[1, 2],\n 3.0e1] "
    assert entered["stateEnteredEventDetails"]["input"] == "[[1,2],30.0]"


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", "1e999", "[" * 5000 + "]" * 5000, "1" * 5000, "{", "[1] x", "\ufeff{}"]
)
def test_an_input_that_is_no_json_is_refused(world, text):
    code, _ = refused(world.states.start_execution, stateMachineArn=world.machine(PASS), input=text)

    assert code == "InvalidExecutionInput"


def test_metadata_alone_can_be_asked_for(world):
    execution = world.run(PASS)["executionArn"]
    secret = {"input", "inputDetails", "output", "outputDetails"}

    described = world.states.describe_execution(executionArn=execution, includedData="METADATA_ONLY")
    machine = world.states.describe_state_machine_for_execution(executionArn=execution, includedData="METADATA_ONLY")
    express = world.machine(PASS, type="EXPRESS")
    answer = world.states.start_sync_execution(stateMachineArn=express, includedData="METADATA_ONLY")

    assert described["status"] == answer["status"] == "SUCCEEDED"
    assert not secret & (described.keys() | answer.keys())
    assert machine["definition"] == "{}"


def test_an_execution_keeps_its_definition_when_the_machine_changes(world):
    execution = world.start(WAIT)
    machine = world.states.describe_execution(executionArn=execution)["stateMachineArn"]

    world.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))

    described = world.states.describe_state_machine_for_execution(executionArn=execution)
    assert json.loads(described["definition"]) == WAIT
    world.states.stop_execution(executionArn=execution)


def test_express_executions_answer_at_once_and_cannot_be_looked_up(world):
    states = world.states
    machine = world.machine(PASS, type="EXPRESS")

    answer = states.start_sync_execution(stateMachineArn=machine, input="{}")
    started = states.start_execution(stateMachineArn=machine)["executionArn"]

    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"x":1}')
    assert answer["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}
    assert ":express:" in started
    wrong = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    assert refused(states.describe_execution, executionArn=started) == wrong
    assert refused(states.get_execution_history, executionArn=started) == wrong
    assert refused(states.list_executions, stateMachineArn=machine)[0] == "StateMachineTypeNotSupported"
    assert refused(states.start_sync_execution, stateMachineArn=world.machine(PASS))[0] == (
        "StateMachineTypeNotSupported"
    )


def test_only_a_synchronous_execution_cannot_ask_how_often_it_was_redriven(world):
    queue = world.queue()
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue, "MessageBody.$": "$$.Execution"},
        "End": True,
    }
    machine = world.machine(single(send), type="EXPRESS")

    def told():
        body = world.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
        world.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=body["ReceiptHandle"])
        return set(json.loads(body["Body"]))

    world.states.start_execution(stateMachineArn=machine)
    assert told() == {"Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount"}
    world.states.start_sync_execution(stateMachineArn=machine)
    assert told() == {"Id", "Input", "Name", "RoleArn", "StartTime"}


def test_a_failed_express_execution_tells_error_and_cause(world):
    machine = world.machine(single({"Type": "Fail", "Error": "E", "Cause": "C"}), type="EXPRESS")

    answer = world.states.start_sync_execution(stateMachineArn=machine)

    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "E", "C")
    assert "output" not in answer


def test_a_redrive_goes_on_at_the_failed_state(world):
    bucket = world.bucket()
    s3 = world.client("s3")
    read = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": bucket, "Key": "late"},
        "ResultSelector": {"body.$": "$.Body", "count.$": "$$.Execution.RedriveCount"},
        "End": True,
    }
    count = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
        "Parameters": {"Bucket": bucket, "Key.$": "$$.State.EnteredTime", "Body": "x"},
        "Next": "Read",
    }
    failed = world.run({"StartAt": "Count", "States": {"Count": count, "Read": read}})
    s3.put_object(Bucket=bucket, Key="late", Body=b"now")

    first = world.states.redrive_execution(executionArn=failed["executionArn"], clientToken="t")
    ended = world.end_of(failed["executionArn"])
    again = world.states.redrive_execution(executionArn=failed["executionArn"], clientToken="t")
    code, _ = refused(world.states.redrive_execution, executionArn=failed["executionArn"], clientToken="other")

    assert code == "ExecutionNotRedrivable"
    assert failed["error"] == "S3.NoSuchKeyException"
    assert failed["redriveStatus"] == "REDRIVABLE"
    assert json.loads(ended["output"]) == {"body": "now", "count": 1}
    assert (ended["redriveCount"], ended["redriveDate"]) == (1, first["redriveDate"])
    assert again["redriveDate"] == first["redriveDate"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2
    types = world.types(failed["executionArn"])
    assert types.count("ExecutionRedriven") == types.count("ExecutionFailed") == 1
    assert types[-1] == "ExecutionSucceeded"
    machine = failed["stateMachineArn"]
    assert len(world.states.list_executions(stateMachineArn=machine, redriveFilter="REDRIVEN")["executions"]) == 1
    assert world.states.list_executions(stateMachineArn=machine, redriveFilter="NOT_REDRIVEN")["executions"] == []


def test_what_runs_or_has_succeeded_cannot_be_redriven(world):
    running, ended = world.start(WAIT), world.run(PASS)["executionArn"]
    redrive = world.states.redrive_execution

    for execution, status in ((running, "RUNNING"), (ended, "SUCCEEDED")):
        reason = f"Execution is {status} and cannot be redriven"
        assert refused(redrive, executionArn=execution) == ("ExecutionNotRedrivable", reason)
    world.states.stop_execution(executionArn=running)


def test_status_changes_are_told_to_eventbridge(world):
    events, queue = world.client("events"), world.queue()
    machine = world.machine(PASS)
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine]}}
    events.put_rule(Name=f"rule-{world.unique}", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"rule-{world.unique}", Targets=[{"Id": "1", "Arn": world.queue_arn(queue)}])

    execution = world.states.start_execution(stateMachineArn=machine)["executionArn"]

    told = []
    deadline = time.monotonic() + 10
    while len(told) < 2 and time.monotonic() < deadline:
        received = world.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
        told += [json.loads(message["Body"])["detail"] for message in received]
        for message in received:
            world.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    by_status = {detail["status"]: detail for detail in told}
    assert set(by_status) == {"RUNNING", "SUCCEEDED"}
    assert by_status["SUCCEEDED"]["executionArn"] == execution
    assert by_status["SUCCEEDED"]["output"] == '{"x":1}'


def test_an_eventbridge_rule_starts_executions_of_an_alias(world):
    states, events = world.states, world.client("events")
    machine = world.machine(single({"Type": "Succeed"}))
    version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    alias = states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
    )["stateMachineAliasArn"]
    role = world.role(principal={"Service": "events.amazonaws.com"})
    events.put_rule(Name=f"rule-{world.unique}", EventPattern=json.dumps({"source": [world.unique]}))
    events.put_targets(Rule=f"rule-{world.unique}", Targets=[{"Id": "1", "Arn": alias, "RoleArn": role}])

    events.put_events(Entries=[{"Source": world.unique, "DetailType": "d", "Detail": '{"a": 1}'}])

    deadline = time.monotonic() + 10
    found = []
    while not found and time.monotonic() < deadline:
        found = states.list_executions(stateMachineArn=alias)["executions"]
    assert json.loads(world.end_of(found[0]["executionArn"])["output"])["detail"] == {"a": 1}


@pytest.mark.parametrize(
    ("level", "data", "expected"),
    [
        ("ALL", True, ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]),
        ("ERROR", False, ["ExecutionFailed"]),
    ],
)
def test_history_is_written_to_the_log_group_of_the_machine(world, level, data, expected):
    logs, group = world.client("logs"), f"/states/{world.unique}"
    logs.create_log_group(logGroupName=group)
    destination = {"logGroupArn": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"}
    logging = {
        "level": level,
        "includeExecutionData": data,
        "destinations": [{"cloudWatchLogsLogGroup": destination}],
    }

    world.run(single({"Type": "Fail", "Error": "E"}), {"in": 1}, loggingConfiguration=logging)

    deadline = time.monotonic() + 10
    lines = []
    while not lines and time.monotonic() < deadline:
        lines = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert [line["type"] for line in lines] == expected
    assert lines[-1]["details"] == {"error": "E"}
    assert ('{"in":1}' in str(lines)) == data

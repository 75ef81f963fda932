"""Task tokens and activities: tasks whose end somebody reports."""

import json
import threading

import pytest

from tests.infra.local.state_machine_world import World, refused, single, task


@pytest.fixture
def world(client):
    return World(client)


def code_of_refusal(operation, **request):
    return refused(operation, **request)[0]


@pytest.fixture
def queue(world):
    return world.queue()


def waiting(queue, **fields):
    """Return a machine that sends a token to a queue and waits for a report."""
    message = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    return task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", message, **fields)


def test_the_output_that_is_reported_is_the_output_of_the_task(world, queue):
    execution = world.start(waiting(queue))
    token = world.token_in(queue)

    world.states.send_task_success(taskToken=token, output='{"ok":true}')

    ended = world.end_of(execution)
    assert ended["output"] == '{"ok":true}'
    assert world.types(execution)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    submitted = json.loads(world.events(execution)[4]["taskSubmittedEventDetails"]["output"])
    assert submitted["MessageId"]


def test_a_reported_failure_is_the_failure_of_the_task(world, queue):
    execution = world.start(waiting(queue))

    world.states.send_task_failure(taskToken=world.token_in(queue), error="Rejected", cause="by Ann")

    ended = world.end_of(execution)
    assert (ended["error"], ended["cause"]) == ("Rejected", "by Ann")


def test_bad_reports_are_refused_and_the_task_waits_on(world, queue):
    states = world.states
    execution = world.start(waiting(queue))
    token = world.token_in(queue)

    assert code_of_refusal(states.send_task_success, taskToken="nonesuch", output="1") == "InvalidToken"
    assert code_of_refusal(states.send_task_heartbeat, taskToken="nonesuch") == "InvalidToken"
    assert code_of_refusal(states.send_task_success, taskToken=token, output="not json") == "InvalidOutput"
    states.send_task_success(taskToken=token, output="1")

    assert world.end_of(execution)["output"] == "1"
    assert code_of_refusal(states.send_task_success, taskToken=token, output="2") == "TaskTimedOut"


def test_a_report_after_the_timeout_comes_too_late(world, queue):
    execution = world.start(waiting(queue, TimeoutSeconds=1))
    token = world.token_in(queue)

    assert world.end_of(execution)["error"] == "States.Timeout"
    assert code_of_refusal(world.states.send_task_success, taskToken=token, output="1") == "TaskTimedOut"


def test_heartbeats_keep_a_task_alive(world, queue):
    execution = world.start(waiting(queue, HeartbeatSeconds=1, TimeoutSeconds=60))
    token = world.token_in(queue)

    beats = threading.Event()
    for _ in range(4):
        beats.wait(0.5)
        world.states.send_task_heartbeat(taskToken=token)
    assert world.states.describe_execution(executionArn=execution)["status"] == "RUNNING"

    assert world.end_of(execution)["error"] == "States.Timeout"


def test_a_token_can_be_reported_before_the_request_that_carries_it_is_answered(world):
    reporter = world.function(
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('stepfunctions').send_task_success(taskToken=event['token'], output='\"early\"')\n"
    )
    invoke = {"FunctionName": reporter, "Payload": {"token.$": "$$.Task.Token"}}

    ended = world.run(task("arn:aws:states:::lambda:invoke.waitForTaskToken", invoke))

    assert ended["output"] == '"early"'


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"output": '{"early":true}'}, {"status": "SUCCEEDED", "output": '{"early":true}'}),
        ({"error": "Rejected", "cause": "by Ann"}, {"status": "FAILED", "error": "Rejected", "cause": "by Ann"}),
    ],
)
def test_a_report_ends_a_job_that_is_waited_for_before_it_is_done(world, queue, report, expected):
    inner = world.machine(single({"Type": "Wait", "Seconds": 600, "End": True}))
    arguments = {"StateMachineArn": inner, "Input": {"token.$": "$$.Task.Token"}}
    outer = world.start(task("arn:aws:states:::states:startExecution.sync", arguments))
    while "TaskSubmitted" not in world.types(outer):
        pass
    (child,) = world.states.list_executions(stateMachineArn=inner)["executions"]
    given = json.loads(world.states.describe_execution(executionArn=child["executionArn"])["input"])

    send = world.states.send_task_success if "output" in report else world.states.send_task_failure
    send(taskToken=given["token"], **report)

    assert world.end_of(outer).items() >= expected.items()
    assert world.states.describe_execution(executionArn=child["executionArn"])["status"] == "RUNNING"
    world.states.stop_execution(executionArn=child["executionArn"])
    assert code_of_refusal(world.states.send_task_heartbeat, taskToken=given["token"]) == "TaskTimedOut"


def test_an_activity_is_done_by_the_worker_that_fetches_it(world):
    states = world.states
    activity = states.create_activity(name=f"activity-{world.unique}")["activityArn"]
    execution = world.start(task(activity), {"x": 1})

    fetched = states.get_activity_task(activityArn=activity, workerName="ann")
    states.send_task_success(taskToken=fetched["taskToken"], output=fetched["input"])

    assert world.end_of(execution)["output"] == '{"x":1}'
    started = next(event for event in world.events(execution) if event["type"] == "ActivityStarted")
    assert started["activityStartedEventDetails"] == {"workerName": "ann"}


def test_a_worker_can_wait_for_work(world):
    states = world.states
    activity = states.create_activity(name=f"activity-{world.unique}")["activityArn"]
    fetched = {}
    worker = threading.Thread(target=lambda: fetched.update(states.get_activity_task(activityArn=activity)))
    worker.start()

    execution = world.start(task(activity))
    worker.join(timeout=20)
    states.send_task_failure(taskToken=fetched["taskToken"], error="Tired")

    assert world.end_of(execution)["error"] == "Tired"


def test_work_that_nobody_waits_for_any_more_is_not_handed_out(world):
    states = world.states
    activity = states.create_activity(name=f"activity-{world.unique}")["activityArn"]
    stopped = world.start(task(activity), {"which": "stopped"})
    while "ActivityScheduled" not in world.types(stopped):
        pass
    states.stop_execution(executionArn=stopped)
    waiting_one = world.start(task(activity), {"which": "waiting"})

    fetched = states.get_activity_task(activityArn=activity)

    assert json.loads(fetched["input"]) == {"which": "waiting"}
    states.stop_execution(executionArn=waiting_one)


def test_a_deleted_activity_fails_the_state(world):
    activity = world.states.create_activity(name=f"activity-{world.unique}")["activityArn"]
    world.states.delete_activity(activityArn=activity)

    ended = world.run(task(activity))

    assert ended["error"] == "States.Runtime"
    assert ended["cause"].endswith(f"The activity {activity} does not exist.")
    assert world.types(ended["executionArn"])[-2:] == ["TaskStateEntered", "ExecutionFailed"]
    assert code_of_refusal(world.states.describe_activity, activityArn=activity) == "ActivityDoesNotExist"


def test_an_activity_is_created_once_and_listed(world):
    states, name = world.states, f"activity-{world.unique}"

    first = states.create_activity(name=name)
    again = states.create_activity(name=name)

    assert (again["activityArn"], again["creationDate"]) == (first["activityArn"], first["creationDate"])
    assert name in [activity["name"] for activity in states.list_activities()["activities"]]
    assert code_of_refusal(states.create_activity, name="a b") == "InvalidName"


def test_an_activity_keeps_its_tags_and_tells_its_encryption(world):
    states, name = world.states, f"activity-{world.unique}"
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    managed = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key, "kmsDataKeyReusePeriodSeconds": 60}
    tags = [{"key": "a", "value": "b"}]

    arn = states.create_activity(name=name, tags=tags, encryptionConfiguration=managed)["activityArn"]
    plain = states.create_activity(name=f"{name}-plain")["activityArn"]
    states.create_activity(name=name, tags=[{"key": "other"}], encryptionConfiguration=managed)

    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    assert states.describe_activity(activityArn=arn)["encryptionConfiguration"] == managed
    assert states.describe_activity(activityArn=plain)["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    assert code_of_refusal(states.create_activity, name=name) == "ActivityAlreadyExists"
    states.delete_activity(activityArn=arn)
    assert code_of_refusal(states.list_tags_for_resource, resourceArn=arn) == "ResourceNotFound"


@pytest.mark.parametrize("output", ["not json", "NaN", "1e999", "[" * 2000 + "]" * 2000, "1" * 5000, "", '{"a":1}x'])
def test_an_output_that_is_no_json_is_refused_and_the_task_waits_on(world, queue, output):
    execution = world.start(waiting(queue))
    token = world.token_in(queue)

    assert code_of_refusal(world.states.send_task_success, taskToken=token, output=output) == "InvalidOutput"
    world.states.send_task_success(taskToken=token, output=' { "a" : 1 } ')

    ended = world.end_of(execution)
    assert ended["output"] == '{"a":1}'

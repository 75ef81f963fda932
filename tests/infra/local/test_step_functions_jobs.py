"""Jobs of AWS Batch that state machines wait for: real processes, whose end is the end of the task."""

import json
import time

import pytest

from tests.infra.local.state_machine_world import World, task

SUBMIT = "arn:aws:states:::batch:submitJob"


@pytest.fixture
def world(client):
    return World(client)


@pytest.fixture
def submission(world):
    """Returns the parameters with which a machine submits a job that runs some Python code."""
    batch = world.client("batch")
    compute = batch.create_compute_environment(
        computeEnvironmentName=f"compute-{world.unique}",
        type="MANAGED",
        state="ENABLED",
        computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]},
    )["computeEnvironmentArn"]
    queue = batch.create_job_queue(
        jobQueueName=f"queue-{world.unique}",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": compute}],
    )["jobQueueArn"]
    definition = batch.register_job_definition(
        jobDefinitionName=f"definition-{world.unique}",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": "python",
            "command": ["--version"],
            "executionRoleArn": world.role(principal={"Service": "ecs-tasks.amazonaws.com"}),
            "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
        },
    )["jobDefinitionArn"]

    def parameters(code):
        return {
            "JobName": "job",
            "JobQueue": queue,
            "JobDefinition": definition,
            "ContainerOverrides": {
                "Command": ["python", "-c", code],
                "Environment": [{"Name": "GREETING", "Value.$": "$.greeting"}],
            },
        }

    return parameters


def test_the_task_ends_when_the_job_has_succeeded(world, submission):
    code = "import os; assert os.environ['GREETING'] == 'hello'"

    ended = world.run(task(f"{SUBMIT}.sync", submission(code)), {"greeting": "hello"})

    job = json.loads(ended["output"])
    assert (job["Status"], job["JobName"], job["Container"]["ExitCode"]) == ("SUCCEEDED", "job", 0)
    assert world.types(ended["executionArn"])[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_failed_job_fails_the_task_with_the_jobs_description_as_cause(world, submission):
    ended = world.run(task(f"{SUBMIT}.sync", submission("raise SystemExit(7)")), {"greeting": ""})

    assert ended["error"] == "States.TaskFailed"
    job = json.loads(ended["cause"])
    assert (job["Status"], job["Container"]["ExitCode"]) == ("FAILED", 7)


def test_without_sync_the_task_ends_when_the_job_is_submitted(world, submission):
    ended = world.run(task(SUBMIT, submission("pass")), {"greeting": ""})

    output = json.loads(ended["output"])
    assert output["JobName"] == "job"
    assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert world.client("batch").describe_jobs(jobs=[output["JobId"]])["jobs"]


@pytest.mark.parametrize("ending", ["stopped", "timed out"])
def test_a_job_that_nobody_waits_for_any_more_is_terminated(world, submission, ending):
    machine = task(f"{SUBMIT}.sync", submission("import time; time.sleep(600)"))
    if ending == "timed out":
        machine["States"]["Work"]["TimeoutSeconds"] = 2
    execution = world.start(machine, {"greeting": ""})
    submitted = None
    while submitted is None:
        submitted = next((e for e in world.events(execution) if e["type"] == "TaskSubmitted"), None)
    job = json.loads(submitted["taskSubmittedEventDetails"]["output"])["JobId"]

    if ending == "stopped":
        world.states.stop_execution(executionArn=execution)
    world.end_of(execution)

    deadline = time.monotonic() + 20
    batch = world.client("batch")
    while (described := batch.describe_jobs(jobs=[job])["jobs"][0])["status"] != "FAILED":
        assert time.monotonic() < deadline, described["status"]
        time.sleep(0.05)
    assert described["statusReason"] == "Aborted by AWS Step Functions."


def test_a_queue_that_does_not_exist_fails_the_task_as_batch_words_it(world, submission):
    parameters = {**submission("pass"), "JobQueue": "nonesuch"}

    ended = world.run(task(f"{SUBMIT}.sync", parameters), {"greeting": ""})

    assert ended["error"] == "Batch.ClientException"
    assert "(Service: AWSBatch; Status Code: 4" in ended["cause"]

"""Distributed Maps through the API: Map Runs, their children, redrives that run only what failed."""

import json
import time

import pytest

from tests.infra.local.state_machine_world import World, refused

FLAKY = """
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    bucket, number = event["bucket"], event["number"]
    s3.put_object(Bucket=bucket, Key=f"calls/{number}/{context.aws_request_id}")
    bad = s3.get_object(Bucket=bucket, Key="bad")["Body"].read().decode().split(",")
    if str(number) in bad:
        raise ValueError(f"number {number} is bad")
    return number
"""


@pytest.fixture
def world(client):
    return World(client)


class Numbers:
    """A Distributed Map over ten numbers in S3, whose function fails for those that are called bad."""

    def __init__(self, world, **fields):
        self.world, self.s3, self.bucket = world, world.client("s3"), world.bucket()
        items = "\n".join(json.dumps({"number": number}) for number in range(10))
        self.s3.put_object(Bucket=self.bucket, Key="items.jsonl", Body=items.encode())
        self.call_bad()
        kind = fields.pop("kind", "STANDARD")
        self.definition = {
            "StartAt": "Numbers",
            "States": {
                "Numbers": {
                    "Type": "Map",
                    "Label": "numbers",
                    "MaxConcurrency": 3,
                    "ItemReader": {
                        "Resource": "arn:aws:states:::s3:getObject",
                        "ReaderConfig": {"InputType": "JSONL"},
                        "Parameters": {"Bucket": self.bucket, "Key": "items.jsonl"},
                    },
                    "ItemSelector": {"bucket": self.bucket, "number.$": "$$.Map.Item.Value.number"},
                    "ItemProcessor": {
                        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
                        "StartAt": "Call",
                        "States": {"Call": {"Type": "Task", "Resource": world.function(FLAKY), "End": True}},
                    },
                    "ResultWriter": {
                        "Resource": "arn:aws:states:::s3:putObject",
                        "Parameters": {"Bucket": self.bucket, "Prefix": "results"},
                    },
                    "End": True,
                    **fields,
                }
            },
        }

    def call_bad(self, *numbers):
        self.s3.put_object(Bucket=self.bucket, Key="bad", Body=",".join(map(str, numbers)).encode())

    def calls(self):
        """How often the function was called with each number."""
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket, Prefix="calls/")["Contents"]]
        return [sum(key.startswith(f"calls/{number}/") for key in keys) for number in range(10)]

    def results(self, ended):
        key = json.loads(ended["output"])["ResultWriterDetails"]["Key"]
        files = self._json(key)["ResultFiles"]
        return {kind: [entry for file in found for entry in self._json(file["Key"])] for kind, found in files.items()}

    def _json(self, key):
        return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_redrive_runs_only_the_children_that_failed(world, kind):
    numbers = Numbers(world, kind=kind, ToleratedFailureCount=9)
    numbers.definition["States"]["Numbers"]["Next"] = "Stop"
    del numbers.definition["States"]["Numbers"]["End"]
    numbers.definition["States"]["Numbers"]["ToleratedFailureCount"] = 1
    numbers.definition["States"]["Stop"] = {"Type": "Succeed"}
    # The last two fail, so that no other child is under way when the tolerance is exceeded.
    numbers.definition["States"]["Numbers"]["MaxConcurrency"] = 1
    numbers.call_bad(8, 9)

    failed = world.run(numbers.definition)
    first_calls = numbers.calls()
    numbers.call_bad()
    world.states.redrive_execution(executionArn=failed["executionArn"])
    ended = world.end_of(failed["executionArn"])

    assert failed["error"] == "States.ExceedToleratedFailureThreshold"
    assert first_calls == [1] * 10
    assert ended["status"] == "SUCCEEDED"
    assert numbers.calls() == [1] * 8 + [2] * 2
    assert sorted(json.loads(one["Output"]) for one in numbers.results(ended)["SUCCEEDED"]) == list(range(10))
    (run,) = world.states.list_map_runs(executionArn=failed["executionArn"])["mapRuns"]
    assert world.states.describe_map_run(mapRunArn=run["mapRunArn"])["redriveCount"] == 1


def test_a_map_run_is_described_with_its_counts_and_children(world):
    numbers = Numbers(world, ToleratedFailurePercentage=20)
    numbers.call_bad(3, 7)

    ended = world.run(numbers.definition)

    states = world.states
    (listed,) = states.list_map_runs(executionArn=ended["executionArn"])["mapRuns"]
    assert listed["stateMachineArn"] == f"{ended['stateMachineArn']}/numbers"
    described = states.describe_map_run(mapRunArn=listed["mapRunArn"])
    assert (described["status"], described["maxConcurrency"]) == ("SUCCEEDED", 3)
    assert described["toleratedFailurePercentage"] == 20.0
    counts = described["itemCounts"]
    assert (counts["succeeded"], counts["failed"], counts["total"], counts["resultsWritten"]) == (8, 2, 10, 10)
    children = states.list_executions(mapRunArn=listed["mapRunArn"])["executions"]
    failed = states.list_executions(mapRunArn=listed["mapRunArn"], statusFilter="FAILED")["executions"]
    assert len(children) == 10
    assert sorted(_number(states, child) for child in failed) == [3, 7]
    child = states.describe_execution(executionArn=failed[0]["executionArn"])
    assert (child["mapRunArn"], child["redriveStatus"]) == (listed["mapRunArn"], "REDRIVABLE_BY_MAP_RUN")
    assert child["error"] == "ValueError"
    assert world.types(child["executionArn"])[-1] == "ExecutionFailed"
    results = numbers.results(ended)
    assert (len(results["SUCCEEDED"]), len(results["FAILED"]), results["PENDING"]) == (8, 2, [])


def test_limits_of_a_map_run_can_be_changed_while_it_runs(world):
    item = {"Type": "Wait", "SecondsPath": "$", "End": True}
    machine = {
        "StartAt": "Waits",
        "States": {
            "Waits": {
                "Type": "Map",
                "MaxConcurrency": 1,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Wait",
                    "States": {"Wait": item},
                },
                "End": True,
            }
        },
    }
    execution = world.start(machine, [600, 600, 600])
    map_runs = []
    while not map_runs:
        map_runs = world.states.list_map_runs(executionArn=execution)["mapRuns"]
    arn = map_runs[0]["mapRunArn"]

    assert refused(world.states.update_map_run, mapRunArn=arn)[0] == "ValidationException"
    world.states.update_map_run(mapRunArn=arn, maxConcurrency=3, toleratedFailureCount=2)

    deadline = time.monotonic() + 10
    described = world.states.describe_map_run(mapRunArn=arn)
    while described["executionCounts"]["running"] < 3 and time.monotonic() < deadline:
        described = world.states.describe_map_run(mapRunArn=arn)
    assert described["executionCounts"]["running"] == 3
    assert (described["maxConcurrency"], described["toleratedFailureCount"]) == (3, 2)
    world.states.stop_execution(executionArn=execution)
    assert world.states.describe_map_run(mapRunArn=arn)["status"] == "ABORTED"
    assert refused(world.states.update_map_run, mapRunArn=arn, maxConcurrency=1)[0] == "ValidationException"


def test_an_unreadable_manifest_fails_the_map(world):
    numbers = Numbers(world)
    numbers.s3.delete_object(Bucket=numbers.bucket, Key="items.jsonl")

    ended = world.run(numbers.definition)

    assert ended["error"] == "States.ItemReaderFailed"
    assert "The specified key does not exist." in ended["cause"]


def _number(states, child):
    return json.loads(states.describe_execution(executionArn=child["executionArn"])["input"])["number"]

"""AWS Batch without the rest of the embedded AWS: real processes, CloudWatch Logs and ECR as lists in memory."""

import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.local.batch import BatchService, Limits
from infra.local.batch.addresses import Place
from infra.local.batch.errors import TaskNotStartedError

PLACE = Place("000000000000", "us-east-1")
PATIENCE_SECONDS = 30
ENDED = ("SUCCEEDED", "FAILED")


class ResourceNotFoundError(ClientError):
    pass


class ResourceAlreadyExistsError(ClientError):
    pass


class FakeLogs:
    class exceptions:  # noqa: N801  (boto3's name)
        ResourceNotFoundException = ResourceNotFoundError
        ResourceAlreadyExistsException = ResourceAlreadyExistsError

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, list[str]]] = {}
        self.calls = 0

    def create_log_group(self, **request: Any) -> None:
        if request["logGroupName"] in self.groups:
            raise ResourceAlreadyExistsError({"Error": {"Code": "ResourceAlreadyExistsException"}}, "CreateLogGroup")
        self.groups[request["logGroupName"]] = {}

    def create_log_stream(self, **request: Any) -> None:
        if request["logGroupName"] not in self.groups:
            error = {"Code": "ResourceNotFoundException", "Message": "The specified log group does not exist."}
            raise ResourceNotFoundError({"Error": error}, "CreateLogStream")
        self.groups[request["logGroupName"]][request["logStreamName"]] = []

    def put_log_events(self, **request: Any) -> None:
        messages = [event["message"] for event in request["logEvents"]]
        assert len(messages) <= 10_000
        assert sum(len(message.encode()) + 26 for message in messages) <= 1_048_576
        assert all(messages)
        self.calls += 1
        self.groups[request["logGroupName"]][request["logStreamName"]] += messages

    def close(self) -> None:
        """Do nothing: the fake holds no connections."""


class FakeEcr:
    def __init__(self) -> None:
        self.pushed: defaultdict[str, set[str]] = defaultdict(set)

    def batch_get_image(self, **request: Any) -> Any:
        if request["repositoryName"] not in self.pushed:
            raise ClientError({"Error": {"Code": "RepositoryNotFoundException"}}, "BatchGetImage")
        tags = self.pushed[request["repositoryName"]]
        return {"images": [image for image in request["imageIds"] if image.get("imageTag") in tags]}

    def close(self) -> None:
        """Do nothing: the fake holds no connections."""


class FakeClients:
    endpoint_url = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.logs = FakeLogs()
        self.ecr = FakeEcr()
        self.roles = {"arn:aws:iam::000000000000:role/execution", "arn:aws:iam::000000000000:role/job"}

    def client(self, service: str, region: str, account: str, role_arn: str | None, task_id: str) -> Any:
        if role_arn:
            self.credentials(role_arn, task_id)
        return {"logs": self.logs, "ecr": self.ecr}[service]

    def credentials(self, role_arn: str, task_id: str) -> dict[str, str]:
        if role_arn not in self.roles:
            raise TaskNotStartedError(f"ECS was unable to assume the role '{role_arn}'")
        return {"AWS_ACCESS_KEY_ID": f"key of {role_arn}", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}


class BatchWorld:
    """A service with one queue ``q`` on one EC2 compute environment ``ce``."""

    def __init__(self, vcpus: int = 4, shortest_timeout: int = 1, stop_grace: float = 0.3) -> None:
        self.clients = FakeClients()
        limits = Limits(shortest_timeout=shortest_timeout, stop_grace=stop_grace)
        self.service = BatchService(self.clients, limits)  # type: ignore[arg-type]
        self.create_environment("ce", vcpus)
        self.create_queue("q", "ce")

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return self.service.call(operation, members, PLACE)

    def create_environment(self, name: str, vcpus: int, **resources: Any) -> None:
        ec2 = {"type": "EC2", "maxvCpus": vcpus, "minvCpus": 0, "subnets": ["subnet-1"], "instanceTypes": ["optimal"]}
        self.call(
            "CreateComputeEnvironment",
            computeEnvironmentName=name,
            type="MANAGED",
            computeResources=resources or ec2,
        )

    def create_queue(self, name: str, *environments: str, priority: int = 1) -> None:
        order = [{"order": number, "computeEnvironment": ce} for number, ce in enumerate(environments)]
        self.call("CreateJobQueue", jobQueueName=name, priority=priority, computeEnvironmentOrder=order)

    def define(self, *command: str, name: str = "d", vcpus: int = 1, memory: int = 512, **members: Any) -> str:
        """Register a definition whose command is words, or one line of Python."""
        container = {
            "image": "busybox",
            "command": list(command),
            "resourceRequirements": [
                {"type": "VCPU", "value": str(vcpus)},
                {"type": "MEMORY", "value": str(memory)},
            ],
            **members.pop("container", {}),
        }
        answer = self.call(
            "RegisterJobDefinition",
            jobDefinitionName=name,
            type="container",
            containerProperties=container,
            **members,
        )
        return str(answer["jobDefinitionArn"])

    def submit(self, queue: str = "q", definition: str = "d", **members: Any) -> str:
        answer = self.call("SubmitJob", jobName="job", jobQueue=queue, jobDefinition=definition, **members)
        return str(answer["jobId"])

    def run(self, *command: str, **members: Any) -> dict[str, Any]:
        """Define, submit and wait for a job; `retryStrategy` and other members belong to the definition."""
        definition = self.define(*command, **members)
        return self.wait(self.submit(definition=definition))

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("DescribeJobs", jobs=[job_id])["jobs"][0]
        return found

    def wait(self, job_id: str, *statuses: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (job := self.job(job_id))["status"] not in (statuses or ENDED):
            assert time.monotonic() < deadline, job
            time.sleep(0.005)
        return job

    def lines(self, job: dict[str, Any], group: str = "/aws/batch/job") -> list[str]:
        return self.clients.logs.groups[group][job["container"]["logStreamName"]]


def python(code: str) -> tuple[str, str, str]:
    """Return the command that runs a piece of Python."""
    return sys.executable, "-c", code


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)

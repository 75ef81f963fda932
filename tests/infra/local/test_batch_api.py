"""What AWS Batch's API accepts, refuses and answers."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.batch.authorization import resources_of
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.fargate import is_fargate_size
from infra.local.batch.images import HOST_PROGRAMS, find_program
from infra.local.batch.logs import LogStream
from infra.local.batch.retries import is_retried
from infra.local.wire import Request
from tests.infra.local.batch_world import PLACE, BatchWorld, FakeLogs

EXECUTION_ROLE = "arn:aws:iam::000000000000:role/execution"


@pytest.fixture
def world():
    world = BatchWorld(shortest_timeout=60)
    yield world
    world.service.stop()


@pytest.fixture
def fargate(world):
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    world.create_environment("fargate", 0, **resources)
    world.create_queue("fargate", "fargate")
    return world


def _fargate_container(vcpus="1", memory="2048", **members):
    requirements = [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": memory}]
    container = {
        "image": "busybox",
        "command": ["echo", "hello"],
        "executionRoleArn": EXECUTION_ROLE,
        "resourceRequirements": requirements,
        "networkConfiguration": {"assignPublicIp": "DISABLED"},
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
        **members,
    }
    return {name: value for name, value in container.items() if value is not None}


def _register_fargate(world, container):
    return world.call(
        "RegisterJobDefinition",
        jobDefinitionName="f",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties=container,
    )


def test_a_fargate_job_runs_and_counts_its_fraction_of_a_vcpu(fargate):
    _register_fargate(fargate, _fargate_container("0.25", "512"))
    job = fargate.wait(fargate.submit(queue="fargate", definition="f"))

    assert job["status"] == "SUCCEEDED", job
    assert job["platformCapabilities"] == ["FARGATE"]
    assert fargate.lines(job) == ["hello"]


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (_fargate_container("1", "4000"), r"Fargate resource requirements \(1.00 vCPU, 4000 MiB\) not valid."),
        (_fargate_container(executionRoleArn=None), "EXECUTION_ROLE_ARN must be provided for Fargate"),
        (_fargate_container(vcpus=None, memory=None, resourceRequirements=[]), "vCPU is not provided"),
        ({**_fargate_container(), "vcpus": 1}, "vcpus is not applicable for Fargate. Use resource requirements"),
        (_fargate_container(privileged=True), "containerProperties.privileged"),
        (_fargate_container(secrets=[{"name": "A", "valueFrom": "b"}]), "containerProperties.secrets"),
        (_fargate_container(environment=[{"name": "AWS_BATCH_X", "value": ""}]), 'cannot start with "AWS_BATCH"'),
        (_fargate_container(image=""), "image must be provided"),
    ],
)
def test_a_container_that_cannot_be_is_refused(fargate, container, message):
    with pytest.raises(RequestRefusedError, match=message):
        _register_fargate(fargate, container)


@given(vcpus=st.sampled_from([0.25, 0.5, 1, 2, 4, 8, 16, 32]), memory=st.integers(0, 300_000))
def test_fargate_sizes_lie_in_the_documented_steps(vcpus, memory):
    step = {8: 4096, 16: 8192}.get(vcpus, 1024)
    if is_fargate_size(vcpus, memory):
        assert memory % step == 0 or memory == 512 or vcpus == 32
        assert 1.875 * 1024 <= memory / vcpus <= 8 * 1024


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        ({"retryStrategy": {"attempts": 0}}, "between 1 and 10"),
        ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT", "onReason": "*"}]}}, "attempts must be specified"),
        (
            {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onReason": "*"}] * 6}},
            "at most 5 elements",
        ),
        (
            {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onExitCode": "1*2"}]}},
            "onExitCode must match",
        ),
        ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60 seconds"),
        ({"arrayProperties": {"size": 1}}, "Array size must be between 2 and 10000"),
        ({"arrayProperties": {"size": 10_001}}, "Array size must be between 2 and 10000"),
        ({"dependsOn": [{"jobId": "x"}] * 21}, "at most 20"),
        ({"dependsOn": [{"jobId": "x"}]}, "Job x that the job depends on does not exist"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "Only array jobs"),
        ({"shareIdentifier": "team"}, "does not emulate shareIdentifier"),
        ({"containerOverrides": {"command": ["x" * 31_000]}}, "Job size must be less than 30 KiB, got 30 KiB"),
        ({"containerOverrides": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}}, "type GPU"),
        ({"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": ""}]}}, "AWS_BATCH"),
        ({"queue": "missing"}, "JobQueue missing not found."),
        ({"definition": "missing"}, "JobDefinition name missing does not exist or is not in ACTIVE status"),
        ({"definition": "d:9"}, "JobDefinition d:9 not found."),
        ({"parameters": {"a": 1}}, "Invalid type for parameter parameters.a"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_submission_that_cannot_be_is_refused_and_leaves_no_job(world, members, message):
    world.define("true")
    with pytest.raises(RequestRefusedError, match=message):
        world.submit(**members)

    assert world.service.save()[0]["jobs"] == []


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 129])
def test_a_job_name_that_aws_refuses_is_refused(world, name):
    world.define("true")
    with pytest.raises(RequestRefusedError, match="Job name should match valid pattern"):
        world.call("SubmitJob", jobName=name, jobQueue="q", jobDefinition="d")


def test_a_name_means_the_latest_active_revision(world):
    arns = [world.define("true") for _ in range(3)]
    world.call("DeregisterJobDefinition", jobDefinition="d:3")

    assert [arn.rpartition(":")[2] for arn in arns] == ["1", "2", "3"]
    assert world.job(world.submit(definition="d"))["jobDefinition"] == arns[1]
    assert world.job(world.submit(definition="d:1"))["jobDefinition"] == arns[0]
    with pytest.raises(RequestRefusedError, match="ACTIVE"):
        world.submit(definition=arns[2])
    active = world.call("DescribeJobDefinitions", jobDefinitionName="d", status="ACTIVE")["jobDefinitions"]
    assert [record["revision"] for record in active] == [2, 1]


def test_revisions_are_never_used_again(world):
    world.define("true")
    world.call("DeregisterJobDefinition", jobDefinition="d:1")

    assert world.define("true").endswith("d:2")


def test_a_used_or_enabled_environment_is_not_deleted(world):
    with pytest.raises(RequestRefusedError, match="DISABLED"):
        world.call("DeleteComputeEnvironment", computeEnvironment="ce")
    world.call("UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")
    with pytest.raises(RequestRefusedError, match="Cannot delete, found existing JobQueue relationship"):
        world.call("DeleteComputeEnvironment", computeEnvironment="ce")
    world.call("UpdateJobQueue", jobQueue="q", state="DISABLED")
    world.call("DeleteJobQueue", jobQueue="q")
    world.call("DeleteComputeEnvironment", computeEnvironment="ce")

    assert world.call("DescribeComputeEnvironments") == {"computeEnvironments": []}


@pytest.mark.parametrize("operation", ["CreateComputeEnvironment", "CreateJobQueue"])
def test_a_name_is_given_once(world, operation):
    members = {
        "CreateComputeEnvironment": {
            "computeEnvironmentName": "ce",
            "type": "MANAGED",
            "computeResources": {"type": "EC2", "maxvCpus": 1, "subnets": ["s"]},
        },
        "CreateJobQueue": {
            "jobQueueName": "q",
            "priority": 1,
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "ce"}],
        },
    }
    with pytest.raises(RequestRefusedError, match="Object already exists"):
        world.call(operation, **members[operation])


def test_jobs_are_listed_by_status_filter_and_page(world):
    world.define("true")
    jobs = [world.submit() for _ in range(5)]
    for job_id in jobs:
        world.wait(job_id)
    listed, token = [], {}
    while True:
        answer = world.call("ListJobs", jobQueue="q", jobStatus="SUCCEEDED", maxResults=2, **token)
        listed += [job["jobId"] for job in answer["jobSummaryList"]]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}

    assert sorted(listed) == sorted(jobs)
    assert world.call("ListJobs", jobQueue="q")["jobSummaryList"] == []
    by_name = world.call("ListJobs", jobQueue="q", filters=[{"name": "JOB_NAME", "values": ["JO*"]}])
    assert len(by_name["jobSummaryList"]) == 5
    assert by_name["jobSummaryList"][0]["container"] == {"exitCode": 0}


def test_the_children_of_an_array_are_listed_by_its_id(world):
    world.define("true")
    array = world.submit(arrayProperties={"size": 3})
    world.wait(array)
    children = world.call("ListJobs", arrayJobId=array, jobStatus="SUCCEEDED")["jobSummaryList"]

    assert [child["arrayProperties"]["index"] for child in children] == [0, 1, 2]
    assert [job["jobId"] for job in world.call("ListJobs", jobQueue="q", jobStatus="SUCCEEDED")["jobSummaryList"]] == [
        array
    ]


def test_a_described_job_that_does_not_exist_is_left_out(world):
    assert world.call("DescribeJobs", jobs=["nothing"]) == {"jobs": []}


def test_more_than_a_hundred_jobs_are_not_described_at_once(world):
    with pytest.raises(RequestRefusedError, match="Maximum number of jobs supported is 100"):
        world.call("DescribeJobs", jobs=["x"] * 101)


@pytest.mark.parametrize("kind", ["compute-environment/ce", "job-queue/q", "job-definition/d:1"])
def test_tags_are_set_listed_and_taken_away_over_http(world, kind):
    world.define("true")
    path = "/v1/tags/" + PLACE.arn(*kind.split("/")).replace(":", "%3A").replace("/", "%2F")
    assert _send(world, "POST", path, {"tags": {"a": "1", "b": "2"}}) == (200, {})
    assert _send(world, "DELETE", path, {}, tagKeys=["a"]) == (200, {})
    assert _send(world, "GET", path, {}) == (200, {"tags": {"b": "2"}})


def test_what_is_not_emulated_is_refused_by_name_over_http(world):
    status, answer = _send(world, "POST", "/v1/submitservicejob", {})

    assert status == 400
    assert answer["__type"] == "ClientException"
    assert "SubmitServiceJob" in answer["message"]


@pytest.mark.parametrize(
    ("path", "members", "resources"),
    [
        (
            "/v1/submitjob",
            {"jobDefinition": "d:1", "jobQueue": PLACE.arn("job-queue", "q")},
            [PLACE.arn("job-definition", "d:1"), PLACE.arn("job-queue", "q")],
        ),
        ("/v1/terminatejob", {"jobId": "a:1"}, [PLACE.arn("job", "a:1")]),
        ("/v1/describejobs", {"jobs": ["a"]}, ["*"]),
        ("/v1/tags/" + PLACE.arn("job-queue", "q"), {"tags": {}}, [PLACE.arn("job-queue", "q")]),
        ("/v1/nothing", {}, ["*"]),
    ],
)
def test_a_call_is_authorized_on_every_resource_that_it_names(path, members, resources):
    assert resources_of(_request("POST", path, members)) == resources


def _send(world, method, path, members, **query):
    response = asyncio.run(world.service.handle(_request(method, path, members, **query)))
    return response.status, json.loads(response.body)


def _request(method, path, members, **query):
    return Request(method, path, {}, json.dumps(members).encode(), query, PLACE.account, PLACE.region)


@pytest.mark.parametrize(
    ("rules", "exit_code", "reason", "status_reason", "expected"),
    [
        ([], 1, "", "", True),
        ([{"onExitCode": "1", "action": "EXIT"}], 1, "", "", False),
        ([{"onExitCode": "1", "action": "exit"}], 1, "", "", False),
        ([{"onExitCode": "1", "action": "EXIT"}], 11, "", "", True),
        ([{"onExitCode": "1*", "action": "EXIT"}], 137, "", "", False),
        ([{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}], 1, "", "", False),
        (
            [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
            None,
            "",
            "Host EC2 (instance i) terminated.",
            True,
        ),
        ([{"onExitCode": "137", "onReason": "OutOfMemory*", "action": "EXIT"}], 137, "", "", True),
        ([{"onExitCode": "137", "onReason": "OutOfMemory*", "action": "EXIT"}], 137, "OutOfMemoryError: x", "", False),
    ],
)
def test_the_first_rule_that_matches_in_full_decides(rules, exit_code, reason, status_reason, expected):
    strategy = {"attempts": 3, "evaluateOnExit": rules}

    assert is_retried(strategy, 1, exit_code, reason, status_reason) is expected
    assert is_retried(strategy, 3, exit_code, reason, status_reason) is False


@given(st.lists(st.binary(max_size=50), max_size=20), st.text(alphabet="ab\n\r", max_size=200))
def test_log_events_are_the_lines_however_the_output_is_cut(garbage, text):
    written = text.encode()
    logs = FakeLogs()
    stream = LogStream(logs, {}, "s")
    for start in range(0, len(written), 7):
        stream.feed(written[start : start + 7])
    stream.close()

    lines = [line.removesuffix("\r") for line in text.split("\n")]
    assert logs.groups["/aws/batch/job"]["s"] == [line for line in lines if line]
    for piece in garbage:  # whatever the bytes are, nothing breaks
        stream.feed(piece)
    stream.close()


@pytest.mark.parametrize(
    "image",
    [
        "busybox",
        "alpine:3.20",
        "docker.io/library/ubuntu:22.04",
        "public.ecr.aws/docker/library/busybox:latest",
        "public.ecr.aws/amazonlinux/amazonlinux:latest",
        "python@sha256:" + "0" * 64,
    ],
)
def test_base_images_stand_for_the_programs_of_this_machine(image):
    assert find_program(image, lambda _: False) in HOST_PROGRAMS.values()

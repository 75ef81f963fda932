"""AWS Batch inside the embedded AWS: through boto3 and CloudFormation, with IAM, ECR and CloudWatch Logs."""

import json
import time

import pytest

from .image_world import manifest

ACCOUNT = "000000000000"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/batch-test:v1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def _role(*statements):
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": TRUST,
            "Policies": [
                {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}
            ],
        },
    }


def _allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _template(vcpus="4", memory="512"):
    """Return a template as the CDK renders it."""
    return {
        "Resources": {
            "Execution": _role(
                _allow("logs:CreateLogStream", "logs:PutLogEvents", "ecr:BatchGetImage", "ecr:GetAuthorizationToken")
            ),
            "Job": _role(_allow("s3:ListAllMyBuckets")),
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/batch-test"}},
            "Compute": {
                "Type": "AWS::Batch::ComputeEnvironment",
                "Properties": {
                    "ComputeEnvironmentName": "batch-test-compute",
                    "ComputeResources": {
                        "MaxvCpus": vcpus,
                        "SecurityGroupIds": ["sg-1"],
                        "Subnets": ["subnet-1"],
                        "Type": "FARGATE",
                    },
                    "ReplaceComputeEnvironment": False,
                    "State": "ENABLED",
                    "Type": "managed",
                    "UpdatePolicy": {},
                },
            },
            "Queue": {
                "Type": "AWS::Batch::JobQueue",
                "Properties": {
                    "ComputeEnvironmentOrder": [
                        {"ComputeEnvironment": {"Fn::GetAtt": ["Compute", "ComputeEnvironmentArn"]}, "Order": 1}
                    ],
                    "Priority": 1,
                    "State": "ENABLED",
                    "Tags": {"Project": "test"},
                },
            },
            "Definition": {
                "Type": "AWS::Batch::JobDefinition",
                "Properties": {
                    "ContainerProperties": {
                        "Command": ["Ref::words"],
                        "ExecutionRoleArn": {"Fn::GetAtt": ["Execution", "Arn"]},
                        "FargatePlatformConfiguration": {},
                        "Image": "python",
                        "JobRoleArn": {"Fn::GetAtt": ["Job", "Arn"]},
                        "LogConfiguration": {
                            "LogDriver": "awslogs",
                            "Options": {
                                "awslogs-group": {"Ref": "Logs"},
                                "awslogs-stream-prefix": "test",
                                "awslogs-region": "us-east-1",
                            },
                        },
                        "NetworkConfiguration": {"AssignPublicIp": "DISABLED"},
                        "ReadonlyRootFilesystem": False,
                        "ResourceRequirements": [
                            {"Type": "MEMORY", "Value": memory},
                            {"Type": "VCPU", "Value": "0.25"},
                        ],
                        "RuntimePlatform": {},
                    },
                    "Parameters": {"words": "--version"},
                    "PlatformCapabilities": ["FARGATE"],
                    "RetryStrategy": {
                        "Attempts": 2,
                        "EvaluateOnExit": [{"Action": "EXIT", "OnExitCode": "3"}],
                    },
                    "Timeout": {"AttemptDurationSeconds": 60},
                    "Type": "container",
                },
            },
        },
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Queue", "Definition")},
    }


@pytest.fixture
def deploy(client):
    cloudformation = client("cloudformation")

    def deploy(template):
        arguments = {
            "StackName": "batch-test",
            "TemplateBody": json.dumps(template),
            "Capabilities": ["CAPABILITY_IAM"],
        }
        existing = {
            stack["StackName"]
            for stack in cloudformation.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])[
                "StackSummaries"
            ]
        }
        if "batch-test" in existing:
            cloudformation.update_stack(**arguments)
        else:
            cloudformation.create_stack(**arguments)
        stack = _settled(cloudformation)
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), cloudformation.describe_stack_events(
            StackName="batch-test"
        )["StackEvents"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    yield deploy
    cloudformation.delete_stack(StackName="batch-test")
    deadline = time.monotonic() + 30
    batch = client("batch")
    while batch.describe_compute_environments(computeEnvironments=["batch-test-compute"])["computeEnvironments"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _settled(cloudformation):
    deadline = time.monotonic() + 30
    while True:
        stack = cloudformation.describe_stacks(StackName="batch-test")["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        assert time.monotonic() < deadline, stack
        time.sleep(0.05)


def _run(batch, outputs, **members):
    job_id = batch.submit_job(jobName="job", jobQueue=outputs["Queue"], jobDefinition=outputs["Definition"], **members)[
        "jobId"
    ]
    deadline = time.monotonic() + 60
    while (job := batch.describe_jobs(jobs=[job_id])["jobs"][0])["status"] not in ("SUCCEEDED", "FAILED"):
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


def _lines(client, job):
    events = client("logs").get_log_events(
        logGroupName="/batch-test", logStreamName=job["container"]["logStreamName"], startFromHead=True
    )["events"]
    return [event["message"] for event in events]


def test_a_deployed_job_runs_with_its_role_and_writes_its_log(client, deploy):
    code = (
        "import boto3\nprint(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "boto3.client('s3').list_buckets()\n"
        "try: boto3.client('sqs').list_queues()\nexcept Exception as error: print(error)"
    )
    job = _run(client("batch"), deploy(_template()), containerOverrides={"command": ["python", "-c", code]})
    identity, denied = _lines(client, job)

    assert job["status"] == "SUCCEEDED"
    assert "assumed-role/batch-test-Job" in identity
    assert "AccessDenied" in denied
    assert "sqs:listqueues" in denied.lower()


def test_an_update_changes_capacity_in_place_and_registers_a_new_revision(client, deploy):
    batch = client("batch")
    first = deploy(_template())
    second = deploy(_template(vcpus="8", memory="1024"))
    compute = batch.describe_compute_environments(computeEnvironments=["batch-test-compute"])["computeEnvironments"]
    definitions = batch.describe_job_definitions(jobDefinitions=[second["Definition"]])["jobDefinitions"]
    former = batch.describe_job_definitions(jobDefinitions=[first["Definition"]])["jobDefinitions"]

    assert first["Queue"] == second["Queue"]
    assert compute[0]["computeResources"]["maxvCpus"] == 8
    assert {"type": "MEMORY", "value": "1024"} in definitions[0]["containerProperties"]["resourceRequirements"]
    assert definitions[0]["revision"] == former[0]["revision"] + 1
    assert [record["status"] for record in (*definitions, *former)] == ["ACTIVE", "INACTIVE"]
    assert batch.list_tags_for_resource(resourceArn=second["Queue"])["tags"] == {"Project": "test"}


def test_a_property_that_is_not_emulated_fails_the_stack_by_name(client):
    template = _template()
    template["Resources"]["Queue"]["Properties"]["SchedulingPolicyArn"] = "arn:aws:batch:::scheduling-policy/x"
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="batch-test", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    _settled(cloudformation)
    events = cloudformation.describe_stack_events(StackName="batch-test")["StackEvents"]
    cloudformation.delete_stack(StackName="batch-test")

    assert any("SchedulingPolicyArn" in event.get("ResourceStatusReason", "") for event in events)


def test_an_image_runs_once_it_was_pushed(client, deploy):
    ecr = client("ecr")
    template = _template()
    template["Resources"]["Definition"]["Properties"]["ContainerProperties"]["Image"] = IMAGE
    outputs = deploy(template)
    before = _run(client("batch"), outputs, retryStrategy={"attempts": 1})
    ecr.create_repository(repositoryName="batch-test")
    ecr.put_image(repositoryName="batch-test", imageManifest=manifest(), imageTag="v1")
    after = _run(client("batch"), outputs, containerOverrides={"command": ["--help"]}, retryStrategy={"attempts": 1})
    ecr.delete_repository(repositoryName="batch-test", force=True)

    assert before["container"]["reason"].startswith("CannotPullContainerError")
    assert after["container"]["exitCode"] in (0, 1, 2), after
    assert any("batch_jobs" in line for line in _lines(client, after))


def test_an_execution_role_that_may_not_write_logs_keeps_the_job_from_starting(client, deploy):
    template = _template()
    template["Resources"]["Execution"] = _role(_allow("ecr:BatchGetImage"))
    job = _run(client("batch"), deploy(template), retryStrategy={"attempts": 1})

    assert job["statusReason"] == "Task failed to start"
    assert "logs:CreateLogStream" in job["container"]["reason"]


def test_a_refused_request_is_a_client_exception_for_boto3(client):
    batch = client("batch")
    with pytest.raises(batch.exceptions.ClientException, match=r"JobQueue missing not found\."):
        batch.submit_job(jobName="j", jobQueue="missing", jobDefinition="missing")

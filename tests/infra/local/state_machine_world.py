"""State machines, functions and roles for the tests of Step Functions, made through boto3."""

import io
import json
import time
import uuid
import zipfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

PATIENCE_SECONDS = 30
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


class World:
    """Makes what a test needs under names of its own, so that tests do not meet."""

    def __init__(self, client):
        self.client = client
        # StartSyncExecution and TestState go to "sync-" hosts, which an address does not have.
        self.states = boto3.client(
            "stepfunctions",
            endpoint_url=client("stepfunctions").meta.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(inject_host_prefix=False),
        )
        self.unique = uuid.uuid4().hex[:8]

    def role(self, *statements, principal=None):
        iam = self.client("iam")
        name = f"role-{uuid.uuid4().hex[:8]}"
        trusted = principal or {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]}
        trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_policy(*(statements or (ALLOW_ALL,))))
        return arn

    def function(self, code):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("module.py", code)
        return self.client("lambda").create_function(
            FunctionName=f"function-{uuid.uuid4().hex[:8]}",
            Runtime="python3.11",
            Role=self.role(),
            Handler="module.handler",
            Code={"ZipFile": archive.getvalue()},
            Timeout=30,
        )["FunctionArn"]

    def bucket(self):
        name = f"bucket-{uuid.uuid4().hex[:8]}"
        self.client("s3").create_bucket(Bucket=name)
        return name

    def queue(self):
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        anyone = _policy({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": anyone})
        return url

    def queue_arn(self, url):
        return f"arn:aws:sqs:us-east-1:000000000000:{url.rsplit('/', 1)[-1]}"

    def machine(self, definition, role=None, **settings):
        return self.states.create_state_machine(
            name=f"machine-{uuid.uuid4().hex[:8]}",
            definition=json.dumps(definition),
            roleArn=role or self.role(),
            **settings,
        )["stateMachineArn"]

    def start(self, definition, given=None, **settings):
        machine = self.machine(definition, **settings)
        started = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
        return started["executionArn"]

    def run(self, definition, given=None, **settings):
        return self.end_of(self.start(definition, given, **settings))

    def end_of(self, execution):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            description = self.states.describe_execution(executionArn=execution)
            if description["status"] != "RUNNING":
                return description
            time.sleep(0.02)
        raise AssertionError(f"{execution} still runs: {self.types(execution)}")

    def events(self, execution, **options):
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution, **options)
        return [event for page in pages for event in page["events"]]

    def types(self, execution):
        return [event["type"] for event in self.events(execution)]

    def token_in(self, queue):
        """Wait for a message that brings a task token."""
        sqs = self.client("sqs")
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"])
        return json.loads(messages[0]["Body"])["token"]


def task(resource, parameters=None, **fields):
    """Return a machine of a single task."""
    state = {"Type": "Task", "Resource": resource, "End": True, **fields}
    if parameters is not None:
        state["Parameters"] = parameters
    return {"StartAt": "Work", "States": {"Work": state}}


INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}
"""A state that calls a Lambda function; it says neither what follows nor that it ends."""


def refused(operation, *arguments, **request):
    """Return code and message of the refusal that `operation` must end with."""
    with pytest.raises(ClientError) as refusal:
        operation(*arguments, **request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def single(state):
    """Return a machine of a single state."""
    return {"StartAt": "Only", "States": {"Only": state}}


def _policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

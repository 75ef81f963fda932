"""What the tables of limits are tried on: clients that hide nothing, and one of each thing that has a limit."""

import json
import time
import uuid
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import boto3
from botocore.config import Config

from .conftest import REGION, policy, zipped

SOURCE = "def handler(event, context):\n    return None\n"


class World:
    """An account whose clients send what AWS would have to refuse: they check nothing themselves."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = f"limits-{uuid.uuid4().hex[:8]}"

    @cache  # noqa: B019  (it lives as long as the session)
    def __call__(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(parameter_validation=False, retries={"max_attempts": 1}, read_timeout=60),
        )

    @staticmethod
    def new() -> str:
        """A name that nothing has yet."""
        return f"t-{uuid.uuid4().hex[:12]}"

    @cached_property
    def role(self) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        made = self("iam").create_role(RoleName=self._name, AssumeRolePolicyDocument=policy(trust))
        return str(made["Role"]["Arn"])

    @cached_property
    def function(self) -> str:
        return str(self.make_function()["FunctionName"])

    def make_function(self, **settings: Any) -> Any:
        """Make a function."""
        return self("lambda").create_function(
            **{
                "FunctionName": self.new(),
                "Runtime": "python3.11",
                "Handler": "app.handler",
                "Role": self.role,
                "Code": {"ZipFile": zipped(app=SOURCE)},
                **settings,
            }
        )

    @cached_property
    def table(self) -> str:
        self("dynamodb").create_table(
            TableName=self._name,
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "ks"],
            BillingMode="PAY_PER_REQUEST",
        )
        return self._name

    def put_item(self, **attributes: Any) -> Any:
        """Put an item with the key of one byte each."""
        return self("dynamodb").put_item(TableName=self.table, Item={"k": {"S": "a"}, "s": {"S": "b"}, **attributes})

    @cached_property
    def stream(self) -> str:
        self("kinesis").create_stream(StreamName=self._name, ShardCount=1)
        self("kinesis").get_waiter("stream_exists").wait(StreamName=self._name, WaiterConfig={"Delay": 1})
        return self._name

    @cached_property
    def topic(self) -> str:
        return str(self("sns").create_topic(Name=self._name)["TopicArn"])

    @cached_property
    def queue(self) -> str:
        return str(self("sqs").create_queue(QueueName=self._name)["QueueUrl"])

    @cached_property
    def bucket(self) -> str:
        self("s3").create_bucket(Bucket=self._name)
        return self._name

    @cached_property
    def log_group(self) -> str:
        self("logs").create_log_group(logGroupName=self._name)
        self("logs").create_log_stream(logGroupName=self._name, logStreamName="s")
        return self._name

    def put_logs(self, *messages: str, ages: tuple[float, ...] = (0,)) -> Any:
        """Write events of some ages in seconds."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now - int(age * 1000), "message": message} for message in messages for age in ages]
        return self("logs").put_log_events(logGroupName=self.log_group, logStreamName="s", logEvents=events)

    def put_schedule(self, **members: Any) -> Any:
        """Make a schedule that never starts anything."""
        target = {"Arn": f"arn:aws:states:{REGION}:000000000000:stateMachine:none", "RoleArn": self.role}
        return self("scheduler").create_schedule(
            **{
                "Name": self.new(),
                "ScheduleExpression": "rate(5 minutes)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "State": "DISABLED",
                **members,
                "Target": target | members.get("Target", {}),
            }
        )

    def put_parameter(self, **members: Any) -> Any:
        """Write a parameter."""
        return self("ssm").put_parameter(**{"Name": f"/{self.new()}", "Type": "String", "Value": "v", **members})

    def put_metrics(self, *data: dict[str, Any]) -> Any:
        """Write metrics."""
        return self("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", **d} for d in data])

    def register_job(self, **members: Any) -> Any:
        """Register a job definition."""
        sizes = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
        container = {"image": "i", "executionRoleArn": self.role, "resourceRequirements": sizes}
        return self("batch").register_job_definition(
            **{
                "jobDefinitionName": self.new(),
                "type": "container",
                "platformCapabilities": ["FARGATE"],
                **members,
                "containerProperties": container | members.get("containerProperties", {}),
            }
        )


def document(size: int) -> str:
    """A policy of as many characters, blanks not counted."""
    shell = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Sid": ""}).replace(" ", "")
    return policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Sid": "x" * (size - len(shell))})


def trust(size: int) -> str:
    """A trust policy of as many characters, blanks not counted."""
    statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    shell = policy(statement | {"Sid": ""}).replace(" ", "")
    return policy(statement | {"Sid": "x" * (size - len(shell))})


def json_of(size: int, text: Callable[[int], str]) -> str:
    """A JSON string of as many bytes."""
    return json.dumps(text(size - 2), ensure_ascii=False)

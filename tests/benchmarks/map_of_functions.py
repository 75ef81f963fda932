"""A Distributed Map of 1,000 Lambda children as any AWS client runs it, on the embedded AWS or on a mock of AWS."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

CHILDREN = 1_000
PASS = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
TRUST = {"Effect": "Allow", "Principal": {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]}}


def distributed_map(function: str, kind: str) -> dict[str, Any]:
    """Make a Distributed Map that invokes `function` for each item."""
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "End": True,
    }
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "Invoke",
        "States": {"Invoke": invoke},
    }
    each = {"Type": "Map", "MaxConcurrency": 10, "ItemProcessor": processor, "End": True}
    return {"StartAt": "Each", "States": {"Each": each}}


class Clients:
    """The clients, a role and a function.

    Parameters
    ----------
    client
        Makes the client of a service.
    """

    def __init__(self, client: Callable[..., Any]) -> None:
        self.states = client("stepfunctions", region_name="us-east-1")
        iam = client("iam", region_name="us-east-1")
        trust = {"Version": "2012-10-17", "Statement": [{**TRUST, "Action": "sts:AssumeRole"}]}
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName="bench", PolicyName="all", PolicyDocument=json.dumps(allow))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("module.py", "def handler(event, context):\n    return event\n")
        self.function = client("lambda", region_name="us-east-1").create_function(
            FunctionName="bench",
            Runtime="python3.11",
            Role=self.role,
            Handler="module.handler",
            Code={"ZipFile": archive.getvalue()},
        )["FunctionArn"]

    def machine(self, name: str, definition: dict[str, Any], kind: str = "STANDARD") -> str:
        """Create a state machine."""
        created = self.states.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=self.role, type=kind
        )
        return str(created["stateMachineArn"])

    def seconds(self, machine: str, given: Any) -> float:
        """Run an execution that must succeed, and measure it from the request to the end."""
        begin = time.monotonic()
        execution = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        while (found := self.states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.05)
        if found["status"] != "SUCCEEDED":
            raise RuntimeError(f"{found['error']}: {found['cause']}")
        return time.monotonic() - begin

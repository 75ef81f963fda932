"""What a Distributed Map of 1,000 Lambda children costs on the embedded AWS, over HTTP, concurrency 10.

Run with `python -m tests.benchmarks.bench_distributed_map`. Wall-clock seconds on a machine with two cores.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import boto3
from botocore.config import Config

from infra.local.server import start

CHILDREN = 1000
TARGET_SECONDS = 9.0
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


class Bench:
    """The clients, a role and a function on a running embedded AWS."""

    def __init__(self, url: str) -> None:
        def client(service: str) -> Any:
            return boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(inject_host_prefix=False),
            )

        self.states = client("stepfunctions")
        iam = client("iam")
        trust = {"Version": "2012-10-17", "Statement": [{**TRUST, "Action": "sts:AssumeRole"}]}
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName="bench", PolicyName="all", PolicyDocument=json.dumps(allow))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("module.py", "def handler(event, context):\n    return event\n")
        self.function = client("lambda").create_function(
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


def main() -> None:
    """Print the figures with their targets."""
    with start() as aws:
        bench = Bench(aws.url)
        items = [{"shardId": f"{number:05d}"} for number in range(CHILDREN)]
        for kind in ("EXPRESS", "STANDARD"):
            machine = bench.machine(f"map-{kind}", distributed_map(bench.function, kind))
            bench.seconds(machine, items[:20])
            seconds = bench.seconds(machine, items)
            target = f"(target <= {TARGET_SECONDS:.0f})"
            print(f"Distributed Map, {CHILDREN} {kind:8} Lambda children {seconds:6.1f} s   {target}")
        machine = bench.machine("pass", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "EXPRESS")
        begin, times = time.monotonic(), 200
        for _ in range(times):
            bench.states.start_sync_execution(stateMachineArn=machine)
        print(f"StartSyncExecution of one Pass state {(time.monotonic() - begin) / times * 1000:14.1f} ms a request")


if __name__ == "__main__":
    main()

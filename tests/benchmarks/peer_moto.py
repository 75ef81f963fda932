"""What moto's Step Functions costs: `python -m tests.benchmarks.peer_moto pass|map`, in .venv-bench, prints
milliseconds as JSON.

moto's Lambda answers at once here, without running any code; ours starts workers and runs the handler.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from tests.benchmarks.map_of_functions import CHILDREN, PASS, Clients, distributed_map

EXECUTIONS = 300
CONFIG: dict[str, Any] = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}


def one_pass_state(clients: Clients) -> float:
    """CPU milliseconds of an execution in moto's engine, past its API."""
    machine = clients.machine("pass", PASS)
    backend = stepfunctions_parser_backends["123456789012"]["us-east-1"]
    start = time.process_time()
    for number in range(EXECUTIONS):
        execution = backend.start_execution(machine, f"run-{number}", "{}")
        while execution.exec_status == "RUNNING":
            time.sleep(0.002)
        if execution.exec_status != "SUCCEEDED":
            raise RuntimeError(execution.exec_status)
    return (time.process_time() - start) / EXECUTIONS * 1000


def distributed(clients: Clients) -> float:
    """Milliseconds by the clock of a Distributed Map of Lambda children, from the request to the end."""
    machine = clients.machine("map", distributed_map(clients.function, "STANDARD"))
    return clients.seconds(machine, [{"shardId": f"{number:05d}"} for number in range(CHILDREN)]) * 1000


if __name__ == "__main__":
    with mock_aws(config=CONFIG):
        measure = {"pass": one_pass_state, "map": distributed}[sys.argv[1]]
        print(json.dumps({"milliseconds": measure(Clients(boto3.client))}))

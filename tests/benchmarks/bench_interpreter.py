"""What the interpreter itself costs, with tasks that answer at once: CPU, because waiting is no cost of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.map_of_functions import CHILDREN, PASS
from tests.benchmarks.measure import PEERS_PYTHON, least_cpu, run
from workflows.interpreter import Execution, Interpreter, Journal, RealClock, TaskCall

ARN = "arn:aws:states:us-east-1:000000000000:execution:bench:run"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:score"
EXECUTIONS = 2_000


def figures() -> Iterator[Figure]:
    """A single state, and the children of a Distributed Map."""
    one = cost(PASS, {}, EXECUTIONS) / EXECUTIONS
    moto = run([PEERS_PYTHON, "-m", "tests.benchmarks.peer_moto", "pass"]).json()["milliseconds"]
    yield Figure("one Pass state", one, "ms CPU", at_most=1, peer="moto", peer_value=moto)
    items = [{"shardId": f"{number:05d}", "rows": 5000} for number in range(CHILDREN)]
    for kind in ("EXPRESS", "STANDARD"):
        each = cost(distributed_map(kind), items, 1) / CHILDREN
        yield Figure(f"Distributed Map, a child, {kind}", each, "ms CPU", at_most=1)


def distributed_map(kind: str) -> dict[str, Any]:
    """Make a Distributed Map of Lambda tasks with concurrency 10."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "Score",
        "States": {"Score": {"Type": "Task", "Resource": FUNCTION, "End": True}},
    }
    each = {"Type": "Map", "MaxConcurrency": 10, "ItemProcessor": processor, "End": True}
    return {"StartAt": "Each", "States": {"Each": each}}


class Echo:
    """Tasks that answer with their arguments after one turn of the event loop."""

    async def run(self, call: TaskCall) -> Any:
        """Echo."""
        await asyncio.sleep(0)
        return call.arguments


def cost(definition: dict[str, Any], given: Any, times: int) -> float:
    """CPU milliseconds of so many executions."""

    async def execute() -> None:
        for _ in range(times):
            execution = Execution(ARN, "run", given, datetime.now(UTC))
            outcome = await Interpreter(definition, Echo(), RealClock(), Journal(ARN)).run(execution)
            if outcome.status != "SUCCEEDED":
                raise RuntimeError(f"{outcome.error}: {outcome.cause}")

    return least_cpu(lambda: asyncio.run(execute())) * 1000


if __name__ == "__main__":
    print_figures(figures())

"""What the interpreter itself costs, with tasks that answer at once.

Run with `python -m tests.benchmarks.bench_interpreter`. CPU seconds count: waiting is no cost of the interpreter.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import process_time
from typing import Any

from workflows.interpreter import Execution, Interpreter, Journal, RealClock, TaskCall

ARN = "arn:aws:states:us-east-1:000000000000:execution:bench:run"
PASS = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:score"


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


async def execute(definition: dict[str, Any], given: Any) -> None:
    """Run one execution that must succeed."""
    execution = Execution(ARN, "run", given, datetime.now(UTC))
    outcome = await Interpreter(definition, Echo(), RealClock(), Journal(ARN)).run(execution)
    if outcome.status != "SUCCEEDED":
        raise RuntimeError(f"{outcome.error}: {outcome.cause}")


async def cost(definition: dict[str, Any], given: Any, times: int) -> float:
    """Measure the CPU milliseconds of one execution."""
    await execute(definition, given)
    begin = process_time()
    for _ in range(times):
        await execute(definition, given)
    return (process_time() - begin) / times * 1000


async def main() -> None:
    """Print the figures with their targets."""
    items = [{"shardId": f"{number:05d}", "rows": 5000} for number in range(1000)]
    one = await cost(PASS, {}, 2000)
    print(f"one Pass state                     {one:8.3f} ms CPU an execution   (target <= 1)")
    for kind in ("EXPRESS", "STANDARD"):
        each = await cost(distributed_map(kind), items, 5) / len(items)
        print(f"Distributed Map, {kind:8} children {each:8.3f} ms CPU a child        (target <= 1)")


if __name__ == "__main__":
    asyncio.run(main())

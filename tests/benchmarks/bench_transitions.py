"""State transitions that AWS bills for a million rows: the committed batch inference, on the virtual clock.

AWS bills each state that a Standard execution enters, each retry, and its start (Step Functions pricing, "State
transitions"); Express executions are billed by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from time import process_time

from tests.benchmarks.figure import Figure, print_figures
from tests.workflows.test_batch_inference import DEFINITION, START, StubAws
from workflows.interpreter import (
    ChildExecution,
    Event,
    Execution,
    Interpreter,
    Journal,
    MapRun,
    Outcome,
    VirtualClock,
    load,
    run_virtually,
)

ROWS = 1_000_000
ARN = "arn:aws:states:us-east-1:000000000000:execution:batch-inference:bench"


class Bill:
    """Counts transitions as they happen, of the execution and of its Standard children."""

    def __init__(self) -> None:
        self.transitions = 0

    def on_event(self, journal: Journal, event: Event) -> None:
        """Count what is billed."""
        if ":express:" not in journal.execution_arn and event.type.endswith(("StateEntered", "ExecutionStarted")):
            self.transitions += 1

    def on_map_run(self, map_run: MapRun) -> None:
        """Nothing to bill."""

    def on_child(self, map_run: MapRun, child: ChildExecution) -> None:
        """Nothing to bill but its events."""


def figures() -> Iterator[Figure]:
    """The smallest shards that the large lane may get, and the default sizes."""
    for lane, size in (("large", 1_000), ("small", 1_000), ("large", 200_000)):
        aws = StubAws(**{"small": 0, "large": 0, lane: ROWS // size})
        aws.request["concurrency"] = 100
        bill, start = Bill(), process_time()
        outcome = run_virtually(execute(aws, bill))
        spent = process_time() - start
        if outcome.status != "SUCCEEDED" or len(aws.scored) != ROWS // size:
            raise RuntimeError(f"{outcome.error}: {outcome.cause}")
        what = f"{ROWS // size:,} shards of {size:,} rows in the {lane} lane"
        yield Figure(what, bill.transitions, "transitions", at_most=3000, peer="a state a row", peer_value=ROWS)
        yield Figure(f"{what}: its cost on the virtual clock", spent, "s CPU")


async def execute(aws: StubAws, bill: Bill) -> Outcome:
    """Run the workflow once."""
    clock = VirtualClock()
    definition = load(DEFINITION.read_text())
    interpreter = Interpreter(definition, aws, clock, Journal(ARN), observer=bill, random=Random(7))
    return await interpreter.run(Execution(ARN, "bench", {"runId": "bench"}, START))


if __name__ == "__main__":
    print_figures(figures())

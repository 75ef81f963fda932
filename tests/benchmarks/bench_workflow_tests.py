"""All tests of the workflows and of the interpreter, in one process: days of retries and waits on the virtual clock."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.measure import PYTHON, REPEATS, run


def figures() -> Iterator[Figure]:
    """Seconds of CPU and by the clock, with pytest's start.

    The target is held against the CPU's: nothing waits for real time, so an otherwise idle machine takes no longer.
    """
    command = [PYTHON, "-m", "pytest", "tests/workflows", "-q", "-p", "no:cacheprovider"]
    ran = min((run(command) for _ in range(REPEATS)), key=lambda one: one.cpu_seconds)
    counts = ran.output.splitlines()[-1].split(" in ")[0]
    yield Figure(counts, ran.cpu_seconds, "s CPU", at_most=10)
    yield Figure(counts, ran.seconds, "s")


if __name__ == "__main__":
    print_figures(figures())

"""Measures so that other work on the machine matters little: CPU time, and the least of some repeats.

Other work only ever adds, and it adds to ours and to the peers' alike.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infra.cli.terminal.processes import Children

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHON = sys.executable
#: The peers' own environment, which `make bench` makes.
PEERS_PYTHON = str(ROOT / ".venv-bench" / "bin" / "python")
REPEATS = 3


class Ran(NamedTuple):
    """A process that has ended well. Its CPU seconds hold those of the processes that it waited for."""

    output: str
    cpu_seconds: float
    seconds: float

    def json(self) -> Any:
        """Read the last JSON object that it printed, which stands in a line of its own."""
        return json.loads(next(line for line in reversed(self.output.splitlines()) if line.startswith("{")))


def run(
    command: Sequence[str], *, folder: Path = ROOT, environment: Mapping[str, str] = os.environ, threads: int = 1
) -> Ran:
    """Run a process to its end. Nothing else may run in the meantime that this process waits for.

    Raises
    ------
    RuntimeError
        If it fails; with what it said.
    """
    before, began = _of_children(), time.monotonic()
    with Children() as children:
        environment = {**environment, "OMP_NUM_THREADS": str(threads)}
        process = children.start(command, environment=environment, cwd=folder, output=subprocess.PIPE)
        output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return Ran(output, _of_children() - before, time.monotonic() - began)


def least_cpu(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU seconds that some work takes in this process, with all its threads."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""What `make run` does once everything is installed: the example on a fresh state, stage by stage.

Seconds by the clock, as its user waits; CPU seconds tell how much of that is work.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.measure import PYTHON, run

#: A line such as `✓ Deploy the stacks      12 s`, or `3 min 05 s`.
STAGE = re.compile(r"✓ (?P<title>.+?)\s{2,}(?:(?P<minutes>\d+) min )?(?P<seconds>[\d.]+) s")


def figures() -> Iterator[Figure]:
    """All of it, and its stages, some of which run at the same time."""
    # Credentials, endpoints and thread counts of whoever measures would change what is measured.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OMP_"))}
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        ran = run([PYTHON, "-m", "infra.cli.main", "example"], folder=Path(directory), environment=environment)
    yield Figure("from nothing to the report", ran.seconds, "s", at_most=90)
    yield Figure("from nothing to the report", ran.cpu_seconds, "s CPU")
    for stage in STAGE.finditer(ran.output):
        yield Figure(f"stage: {stage['title']}", 60 * int(stage["minutes"] or 0) + float(stage["seconds"]), "s")


if __name__ == "__main__":
    print_figures(figures())

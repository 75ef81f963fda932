"""Measures speed and memory beside the peers, in one run: `make bench`, or `python -m tests.benchmarks [NAME …]`.

Each benchmark runs in a process of its own. Absolute times depend on the machine and on what else it does; where it
is possible, CPU time is measured instead, and ratios within one run are what to trust. A ratio says how many times
more the peer needs than we do.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.processes import Children
from infra.cli.terminal.units import seconds_text
from tests.benchmarks.figure import TERMINATED, Figure
from tests.benchmarks.measure import ROOT

INTERRUPTED = 130
LAST_LINES = 60

#: Name of a benchmark, which is also that of its module, and what it measures.
BENCHMARKS = {
    "scoring": "CPU and memory of scoring a shard, beside MLflow, pandas and Metaflow",
    "serving": "CPU and throughput of the model server, beside Flask, MLServer, LitServe, MLflow and BentoML",
    "items": "client CPU of writing predictions to DynamoDB, beside boto3",
    "imports": "import time of the Lambda handlers over bare Python",
    "interpreter": "CPU of the interpreter, beside moto's",
    "transitions": "billed transitions of a million rows, on the virtual clock",
    "workflow_tests": "all tests of the workflows, on the virtual clock",
    "distributed_map": "1,000 Lambda children on the embedded AWS, beside moto's",
    "sequential": "error rates of the sequential test of experiments, beside a z-test at each look",
    "make_run": "the stages of `make run` on a fresh state",
    "gigabyte": "peak memory of scoring files of 1 GB (takes minutes)",
}


def main() -> int:
    """Run the benchmarks that are asked for, and print all figures; gives the exit code."""
    asked = _arguments()
    progress = human_console(as_json=True)
    figures: dict[str, list[Figure]] = {}
    failures: dict[str, str] = {}
    load = os.getloadavg()[0]
    for number, name in enumerate(asked.names, 1):
        began = time.monotonic()
        figures[name] = []
        try:
            with progress.status(f"{number} of {len(asked.names)}  {name}: {BENCHMARKS[name]}"):
                for figure in _measure(name):
                    figures[name].append(figure)
                    progress.print(f"  {name:16} {figure.what}: {_number(figure.value)} {figure.unit}", markup=False)
        except RuntimeError as error:
            failures[name] = str(error)
            progress.print(f"[red]✗[/] {name} failed:\n{escape(str(error))}")
        progress.print(f"{number} of {len(asked.names)}  {name}  {seconds_text(time.monotonic() - began)}", style="dim")
    machine = {"processors": os.cpu_count(), "loadBefore": round(load, 2)}
    if asked.json:
        found = [{"benchmark": name} | figure.to_json() for name, some in figures.items() for figure in some]
        print_json({"machine": machine, "figures": found, "failures": failures})
    else:
        _print_table(figures)
        sys.stdout.write(f"{machine['processors']} processors, load {machine['loadBefore']} before the first one\n")
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    names = "\n".join(f"  {name:16} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        epilog=f"benchmarks:\n{names}\n\nThe exit code is 1 if one could not be measured; a missed target is no error.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks to run (default: all)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    asked.names = asked.names or list(BENCHMARKS)
    return asked


def _measure(name: str) -> Iterator[Figure]:
    """Run a benchmark in a process of its own, and give each figure as it comes."""
    command = [sys.executable, "-m", f"tests.benchmarks.bench_{name}"]
    # Bytecode is kept, whatever this shell prefers: else every process compiles all that it imports, each time.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    said = []
    with Children() as children:
        process = children.start(command, environment=environment, cwd=ROOT, output=subprocess.PIPE)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield Figure(**json.loads(line))
            else:
                said.append(line)
        if process.wait():
            raise RuntimeError("".join(said[-LAST_LINES:]))


def _print_table(figures: dict[str, list[Figure]]) -> None:
    table = Table("benchmark", "figure", box=None, header_style="bold", pad_edge=False)
    for name in ("ours", "peer's", "ratio"):
        table.add_column(name, justify="right")
    for name in ("unit", "peer", "target", "met"):
        table.add_column(name)
    for name, some in figures.items():
        for number, figure in enumerate(some):
            table.add_row(
                "" if number else name,
                figure.what,
                _number(figure.value),
                "" if figure.peer_value is None else _number(figure.peer_value),
                "" if figure.ratio is None else f"{figure.ratio:.2f} x",
                figure.unit,
                figure.peer or "",
                figure.target,
                {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}[figure.met],
            )
    human_console().print(table, soft_wrap=False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)

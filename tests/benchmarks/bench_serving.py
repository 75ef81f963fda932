"""What the model server costs, beside others: one worker each, the same model and the same records.

All answer over connections that stay open. Only ours checks its records. The clients run on the same machine and
take their share of it, from all alike.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psutil

from infra.cli.terminal.processes import Children
from tests.batch_jobs.model_files import extract
from tests.benchmarks.example_shard import example_model
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.http_load import HOST, Load, load
from tests.benchmarks.measure import REPEATS
from tests.benchmarks.serving_stacks import CONNECTIONS, FLASK, OURS, STACKS


def figures() -> Iterator[Figure]:
    """Requests of one record and of a hundred."""
    artifact = example_model()
    records = [golden["record"] for golden in artifact.golden]
    found: dict[tuple[str, int], list[Load]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        model = extract(Path(directory), artifact)
        # All of them again and again, so that a busy minute of the machine does not fall on one alone.
        for _ in range(REPEATS):
            for name, stack in STACKS.items():
                with serving(name, model) as (port, server):
                    check_scores(name, port, artifact.golden)
                    for count, connections in CONNECTIONS.items():
                        body = orjson.dumps(stack.request((records * count)[:count]))
                        how = {"path": stack.path, "ping": stack.ping, "requests": stack.rounds[count].requests}
                        found[name, count].append(load(port, server, body, connections=connections, **how))
    cpu, flask_cpu = (min(each.cpu for each in found[name, 1]) for name in (OURS, FLASK))
    yield Figure("request of 1 record", cpu, "us CPU", at_most=100, peer=FLASK, peer_value=flask_cpu)
    for count, connections in CONNECTIONS.items():
        what = f"requests of {count} record{'s' * (count > 1)} over {connections} connections"
        elapsed = {name: min(each.elapsed for each in found[name, count]) for name in STACKS}
        ours = elapsed.pop(OURS)
        for name, peers in elapsed.items():
            times = STACKS[name].rounds[count].times
            yield Figure(what, ours, "us each", peer=name, peer_value=peers, times=times)
    waits, flask_waits = (percentile_99(found[name, 100]) for name in (OURS, FLASK))
    yield Figure("/ping beside these, p99", waits, "ms", at_most=50, peer=FLASK, peer_value=flask_waits)


def percentile_99(loads: list[Load]) -> float:
    """Of the pings of the quietest round, in ms."""
    return min(sorted(each.pings)[int(len(each.pings) * 0.99)] for each in loads)


def check_scores(name: str, port: int, golden: list[dict[str, Any]]) -> None:
    """Ask once for scores that are known: a server that gives others does not do the same work."""
    stack = STACKS[name]
    body = orjson.dumps(stack.request([each["record"] for each in golden]))
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{HOST}:{port}{stack.path}", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        scores = stack.scores(orjson.loads(answer.read()))
    expected = [each["score"] for each in golden]
    if not all(map(math.isclose, scores, expected)) or len(scores) != len(expected):
        raise RuntimeError(f"{name} gives the scores {scores} instead of {expected}")


@contextmanager
def serving(name: str, model: Path) -> Iterator[tuple[int, psutil.Process]]:
    """A server of the model, ready; its port and process."""
    stack = STACKS[name]
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    workers: list[psutil.Process] = []
    scratch_folder = tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-")
    with scratch_folder as scratch, no_more(workers), Children() as children:
        places = {"port": port, "scratch": scratch}
        own = {key: value.format_map(places) for key, value in stack.environment.items()}
        environment = {**os.environ, "SM_MODEL_DIR": str(model), "OMP_NUM_THREADS": "1", **own}
        command = [word.format_map(places) for word in stack.command]
        process = children.start(command, environment=environment, cwd=stack.folder, output=subprocess.DEVNULL)
        server = psutil.Process(process.pid)
        try:
            until = time.monotonic() + 60
            while not answers(port, stack.ping):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{name} does not serve; it ended with {process.poll()}")
                time.sleep(0.1)
            yield port, server
        finally:
            with suppress(psutil.NoSuchProcess):
                workers += server.children(recursive=True)


@contextmanager
def no_more(workers: list[psutil.Process]) -> Iterator[None]:
    """Kill at the end what is left of them: BentoML's worker leads a process group of its own."""
    try:
        yield
    finally:
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()


def answers(port: int, ping: str) -> bool:
    """Whether a ping is answered."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{ping}", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    print_figures(figures())

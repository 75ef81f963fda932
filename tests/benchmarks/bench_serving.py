"""What the model server costs, beside Flask behind gunicorn: one process each, the same model and the same requests.

Both answer over connections that stay open. Only ours checks its records. The clients run on the same machine and
take their share of it, from both alike.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil

from infra.cli.processes import Children
from tests.batch_jobs.model_files import extract
from tests.benchmarks.example_shard import example_model
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.http_load import HOST, Load, load
from tests.benchmarks.measure import HERE, PEERS_PYTHON, PYTHON, REPEATS, ROOT

FLASK = "Flask and gunicorn"
#: Records of a request: connections, and requests of ours and of the peer in a round.
ROUNDS = {1: (32, {"ours": 20_000, FLASK: 3_000}), 100: (8, {"ours": 1_500, FLASK: 800})}


def figures() -> Iterator[Figure]:
    """Requests of one record and of a hundred."""
    artifact = example_model()
    records = [golden["record"] for golden in artifact.golden]
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        model = extract(Path(directory), artifact)
        found: dict[tuple[str, int], list[Load]] = defaultdict(list)
        for _ in range(REPEATS):
            for name in ("ours", FLASK):
                with serving(name, model) as (port, server):
                    for count, (connections, requests) in ROUNDS.items():
                        body = orjson.dumps({"records": (records * count)[:count]})
                        found[name, count].append(
                            load(port, server, body, connections=connections, requests=requests[name])
                        )
    one, flask_one = found["ours", 1], found[FLASK, 1]
    cpu, flask_cpu = (min(each.cpu for each in loads) for loads in (one, flask_one))
    yield Figure("request of 1 record", cpu, "us CPU", at_most=100, peer=FLASK, peer_value=flask_cpu)
    for count, times in ((1, 4.0), (100, 1.5)):
        ours, peers = (min(each.elapsed for each in found[name, count]) for name in ("ours", FLASK))
        what = f"requests of {count} record{'s' * (count > 1)} over {ROUNDS[count][0]} connections"
        yield Figure(what, ours, "us each", peer=FLASK, peer_value=peers, times=times)
    waits, flask_waits = (percentile_99(found[name, 100]) for name in ("ours", FLASK))
    yield Figure("/ping beside these, p99", waits, "ms", at_most=50, peer=FLASK, peer_value=flask_waits)


def percentile_99(loads: list[Load]) -> float:
    """Of the pings of the quietest round, in ms."""
    return min(sorted(each.pings)[int(len(each.pings) * 0.99)] for each in loads)


@contextmanager
def serving(name: str, model: Path) -> Iterator[tuple[int, psutil.Process]]:
    """A server of the model, ready; its port and process."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    commands = {
        "ours": [PYTHON, "-m", "batch_jobs", "serve", "--port", str(port), "--version", "v1"],
        # Threads, because only so gunicorn keeps connections open; as many as there are connections.
        FLASK: [
            *(PEERS_PYTHON, "-m", "gunicorn", "--chdir", str(HERE), "--bind", f"{HOST}:{port}", "--log-level", "error"),
            *("--workers", "1", "--threads", "40", "--keep-alive", "60", "peer_serving:app"),
        ],
    }
    environment = {**os.environ, "SM_MODEL_DIR": str(model), "OMP_NUM_THREADS": "1"}
    with Children() as children:
        process = children.start(commands[name], environment=environment, cwd=ROOT, output=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} does not serve; it ended with {process.poll()}")
            time.sleep(0.1)
        yield port, psutil.Process(process.pid)


def answers(port: int) -> bool:
    """Whether a ping is answered."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/ping", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    print_figures(figures())

"""What can serve the model: how each is started and asked, in its own way, and how many times ours must be as fast.

Each has one worker and no access log. All give the same scores; only ours checks its records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.benchmarks.http_load import HOST
from tests.benchmarks.measure import HERE, PEERS_PYTHON, PYTHON, ROOT

OURS, FLASK = "ours", "Flask and gunicorn"
#: Connections, by the records of a request.
CONNECTIONS = {1: 32, 100: 8}


class Rounds(NamedTuple):
    """Requests of a round, as many as take about a second; and the target, None if there is none."""

    requests: int
    times: float | None = None


@dataclass(frozen=True)
class Stack:
    """A server of the model.

    Parameters
    ----------
    command, environment
        How it is started. `{port}` stands for the port it listens on, `{scratch}` for a folder that it may write to.
    rounds
        By the records of a request.
    folder
        Where it runs.
    path, ping
        Where it predicts, and where it says that it is ready.
    request
        Its request for the predictions of some records.
    scores
        The scores of its answer.
    """

    command: tuple[str, ...]
    rounds: Mapping[int, Rounds]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = HERE
    path: str = "/invocations"
    ping: str = "/ping"
    request: Callable[[list[dict[str, Any]]], dict[str, Any]] = lambda records: {"records": records}
    scores: Callable[[Any], list[float]] = lambda answer: [each["score"] for each in answer["predictions"]]


def _v2(records: list[dict[str, Any]]) -> dict[str, Any]:
    text = orjson.dumps(records).decode()
    return {"inputs": [{"name": "records", "datatype": "BYTES", "shape": [1], "data": [text]}]}


STACKS = {
    OURS: Stack(
        (PYTHON, "-m", "batch_jobs", "serve", "--port", "{port}", "--version", "v1"),
        {1: Rounds(20_000), 100: Rounds(1_500)},
        folder=ROOT,
    ),
    FLASK: Stack(
        # Threads, because only so gunicorn keeps connections open; as many as there are connections.
        (
            *(PEERS_PYTHON, "-m", "gunicorn", "--bind", f"{HOST}:{{port}}", "--log-level", "error"),
            *("--workers", "1", "--threads", "40", "--keep-alive", "60", "peer_flask:app"),
        ),
        {1: Rounds(3_000, 4), 100: Rounds(800, 1.5)},
    ),
    "MLServer": Stack(
        (str(Path(PEERS_PYTHON).with_name("mlserver")), "start", "."),
        {1: Rounds(2_000, 5), 100: Rounds(600, 1.3)},
        # It predicts in the process that listens, which spares it the way to a worker.
        {
            "MLSERVER_HOST": HOST,
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "0",
            "MLSERVER_METRICS_ENDPOINT": "",
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_DEBUG": "false",
            "MLSERVER_MODEL_NAME": "flights",
            "MLSERVER_MODEL_IMPLEMENTATION": "peer_mlserver.Runtime",
        },
        path="/v2/models/flights/infer",
        ping="/v2/health/ready",
        request=_v2,
        scores=lambda answer: answer["outputs"][0]["data"],
    ),
    "LitServe": Stack(
        (PEERS_PYTHON, "peer_litserve.py", "{port}"),
        {1: Rounds(1_500, 8), 100: Rounds(500)},
        path="/predict",
        ping="/health",
        scores=lambda answer: answer["scores"],
    ),
    "MLflow": Stack(
        (PEERS_PYTHON, "-m", "uvicorn", "--host", HOST, "--port", "{port}", "--no-access-log", "peer_mlflow:app"),
        {1: Rounds(1_000, 10), 100: Rounds(400, 2)},
        {"MLFLOW_DISABLE_TELEMETRY": "true"},
        request=lambda records: {"dataframe_records": records},
        scores=lambda answer: answer["predictions"],
    ),
    "BentoML": Stack(
        (PEERS_PYTHON, "-m", "bentoml", "serve", "peer_bentoml:Service", "--host", HOST, "--port", "{port}"),
        {1: Rounds(1_000, 15), 100: Rounds(400)},
        {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{scratch}"},
        ping="/readyz",
        scores=lambda answer: answer,
    ),
}

"""`serve`: a model behind SageMaker's container contract."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from batch_jobs.serving.application import Application
from batch_jobs.serving.model_directory import load
from batch_jobs.serving.predictor import Predictor
from batch_jobs.serving.traffic import Traffic
from tasks.errors import SettingsError

#: Seconds that requests under way get to finish; SageMaker kills the container 30 s after SIGTERM.
_GRACE = 25


def run(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT; prints a line of JSON when ready, for each minute of traffic, and when done.

    Raises
    ------
    SettingsError
        If the version has no name, or the threshold is no probability.
    ModelDirectoryIncomplete, UnsupportedModel, InvalidSignature, GoldenRecordsDiffer
        If the directory holds no model that can be served.
    OSError
        If the port is taken.
    """
    start = time.perf_counter()
    if not arguments.version:
        raise SettingsError("set ML_PIPELINE_MODEL_VERSION, or give --version: every answer names the model version")
    if not 0 <= arguments.threshold <= 1:
        raise SettingsError(f"the threshold is {arguments.threshold}; it must be a probability, 0 to 1")
    model, traffic = load(Path(arguments.model)), Traffic(arguments.version)
    predictor = Predictor(model, arguments.version, arguments.threshold, traffic)
    processors = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(processors, "score") as workers:
        application = Application(
            predictor,
            workers,
            traffic,
            most_in_flight=arguments.most_in_flight,
            is_stopping=lambda: server.should_exit,
            access_log=arguments.access_log,
        )
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                # SageMaker keeps its connections; one that it closes at the same moment as we do is a failed request.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        # uvicorn sends itself the signal again when it is done; that must not end the process before its last line.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        with _listen(arguments.host, arguments.port) as listener:
            _say(
                "serving",
                modelVersion=arguments.version,
                framework=model.framework,
                host=arguments.host,
                port=listener.getsockname()[1],
                pid=os.getpid(),
                seconds=round(time.perf_counter() - start, 3),
            )
            server.run([listener])
    traffic.tell()
    _say("stopped", modelVersion=arguments.version, requests=application.answered)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error


def _say(message: str, **fields: object) -> None:
    print(json.dumps({"level": "INFO", "message": message, **fields}), flush=True)

"""`score`: one shard of a run, by the own library of the model's framework or by the endpoint."""

from __future__ import annotations

import argparse
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson

from batch_jobs.scorers import container_scorer
from tasks.errors import InvalidRunRequest
from tasks.models.registry import Registry
from tasks.models.version import read_signature
from tasks.reading.shards import Shard, from_manifest
from tasks.runs.layout import RunFolder
from tasks.runs.request import RunRequest
from tasks.runs.scorer_choice import ScorerChoice
from tasks.scoring.endpoint_scorer import ENDPOINT_FAILURES, IN_FLIGHT, EndpointScorer, patient_endpoint
from tasks.scoring.item_store import TableWriter
from tasks.scoring.remote_preprocessing import PreprocessFunction
from tasks.scoring.shard import RowsModel, load_model, score_shard
from tasks.scoring.throttle import Pressure
from tasks.settings import Settings
from tasks.storage import Location, Storage

#: Characters of the reason why the endpoint does not score; the marker and the summary quote it.
_LONGEST_REASON = 300


def run(arguments: argparse.Namespace) -> None:
    """Score a shard; its marker, as one line of JSON, is the output.

    Raises
    ------
    Exception
        Whatever goes wrong, a `TaskError` if on purpose; the reason also goes to the run's folder, where the run's
        verdict finds it.
    """
    settings, storage = Settings.from_environment(), Storage()
    request = RunRequest.from_json(_json(arguments.run, "--run"))
    shard = Shard.from_json(_json(arguments.shard, "--shard")) if arguments.shard else _of_array(arguments, storage)
    folder = RunFolder.of(request, settings.required("results_bucket"))
    try:
        marker = _score(request, shard, folder, settings, storage)
    except Exception as error:
        with suppress(Exception):  # the first error matters, not that it could not be noted
            storage.write_json(folder.failure(shard.shard_id), {"error": type(error).__name__, "message": str(error)})
        raise
    _log("INFO", "scored", runId=request.run_id, **marker)


def _score(
    request: RunRequest, shard: Shard, folder: RunFolder, settings: Settings, storage: Storage
) -> dict[str, Any]:
    """Score by the scorer that was chosen; if the choice was left to us, fall back on the artifact."""
    registry = Registry(settings.parameter_root)

    def score_with(model: Callable[[], RowsModel], fallback: str | None = None) -> dict[str, Any]:
        return score_shard(
            request,
            shard,
            model=model,
            folder=folder,
            storage=storage,
            items=TableWriter(settings.required("predictions_table")),
            retention_days=settings.retention_days,
            worker=_worker(),
            fallback=fallback,
        )

    def artifact() -> RowsModel:
        return load_model(request.model_version, registry, storage, container_scorer)

    choice = ScorerChoice.recorded(request, folder, storage)
    if choice.scorer != "endpoint":
        return score_with(artifact)
    try:
        return score_with(lambda: _endpoint_scorer(request, choice, settings, registry, storage))
    except ENDPOINT_FAILURES as error:
        if request.scorer != "auto":
            raise
        # Nothing is published yet, and the artifact gives the same predictions.
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    _log("WARNING", "the endpoint does not score, so the container does", reason=reason)
    return score_with(artifact, reason)


def _endpoint_scorer(
    request: RunRequest, choice: ScorerChoice, settings: Settings, registry: Registry, storage: Storage
) -> EndpointScorer:
    version = registry.get(request.model_version)
    return EndpointScorer(
        version,
        read_signature(version, storage),
        choice.variant or "",
        endpoint=patient_endpoint(settings.required("endpoint")),
        preprocess=PreprocessFunction(settings.required("preprocess_function")),
        pressure=Pressure(choice.calls_per_second or request.endpoint_calls_per_second, IN_FLIGHT),
        records_per_call=request.endpoint_records,
    )


def _log(level: str, message: str, **fields: Any) -> None:
    print(json.dumps({"level": level, "message": message, **fields}), flush=True)


def _of_array(arguments: argparse.Namespace, storage: Storage) -> Shard:
    index = os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "")
    if not index.isdigit():
        raise InvalidRunRequest("--manifest needs AWS_BATCH_JOB_ARRAY_INDEX, which AWS Batch sets for array jobs")
    place = Location.parse(arguments.manifest)
    body = storage.read(place)
    if body is None:
        raise InvalidRunRequest(f"there is no manifest at {place}")
    shards = from_manifest(body)
    if int(index) >= len(shards):
        raise InvalidRunRequest(f"AWS_BATCH_JOB_ARRAY_INDEX is {index}, and {place} has {len(shards)} lines")
    return shards[int(index)]


def _json(text: str, option: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRunRequest(f"{option} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRunRequest(f"{option} must be a JSON object")
    return document


def _worker() -> str:
    job = os.environ.get("AWS_BATCH_JOB_ID")
    if job:
        return f"batch/{job}/{os.environ.get('AWS_BATCH_JOB_ATTEMPT', '1')}"
    return f"process/{socket.gethostname()}/{os.getpid()}"

"""From the input of an execution to a complete request."""

from __future__ import annotations

from typing import Any

from tasks.models.registry import Registry
from tasks.runs.input import run_id_of
from tasks.runs.layout import RunFolder
from tasks.runs.request import ACTIVE, RunRequest, checked_run_id, complete, parse_user_input
from tasks.settings import Settings
from tasks.storage import Storage


def normalise(
    document: Any, *, execution_name: str, started_at: str, settings: Settings, storage: Storage, registry: Registry
) -> RunRequest:
    """Complete what the user asks.

    A run id that was used before keeps the day, the start and, unless another is asked for, the model version of
    its first use: a replay continues that run, even if another version has become active since.

    Parameters
    ----------
    document
        The input of the execution.
    execution_name, started_at
        Name and start (ISO 8601) of the execution.

    Raises
    ------
    InvalidRunRequest
        If the input has an unknown key or a bad value, or the name of the execution cannot be a run id and none is
        asked.
    NoSuchVersion, InvalidRegistration
        If the version is not registered, or not as it should be, or the parameter of the active version names none.
    RunIdConflict
        If the run id was used before for another request.
    """
    asked = parse_user_input(document)
    run_id = checked_run_id(run_id_of(document, execution_name))
    bucket = settings.required("results_bucket")
    recorded = storage.read_json(RunFolder(bucket, run_id, day="").request)
    first_use = {} if recorded is None else recorded["request"]
    version = asked.get("modelVersion", ACTIVE)
    if version == ACTIVE:
        version = first_use.get("modelVersion", ACTIVE)
    used = registry.active_version() if version == ACTIVE else registry.get(version)
    request = complete(
        asked,
        run_id=run_id,
        started_at=first_use.get("startedAt", started_at),
        data_bucket=settings.required("data_bucket"),
        model_version=used.version_id,
        framework=used.framework,
    )
    if recorded is not None:
        request.refuse_if_other_than(recorded)
    return request

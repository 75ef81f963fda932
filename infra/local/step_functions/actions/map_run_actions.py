"""Map Runs: listed, described and changed while they run."""

from __future__ import annotations

from typing import Any

from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import invalid
from infra.local.step_functions.paging import page
from infra.local.step_functions.records import epoch
from infra.local.step_functions.store import Store
from workflows.interpreter import MapRun

_LIMITS = ("maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount")
_DATES = ("startDate", "stopDate", "redriveDate")


class MapRunActions:
    """Operations on Map Runs."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListMapRuns: the latest first."""
        record = self._store.get(request["executionArn"])
        shown, more = page(record.map_runs[::-1], request, f"map runs of {record.arn}", latest_first=True)
        return {"mapRuns": [_listing(map_run) for map_run in shown], **more}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeMapRun."""
        described = self._store.map_run(request["mapRunArn"]).describe()
        return described | {name: epoch(described[name]) for name in _DATES if name in described}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer UpdateMapRun."""
        map_run = self._store.map_run(request["mapRunArn"])
        if not any(limit in request for limit in _LIMITS):
            raise invalid(f"At least one of {', '.join(_LIMITS)} must be specified")
        if map_run.status != "RUNNING":
            raise invalid(f"Map Run is {map_run.status} and cannot be updated: '{map_run.arn}'")
        self._engine.call(
            lambda: map_run.update(
                max_concurrency=request.get("maxConcurrency"),
                tolerated_failure_count=request.get("toleratedFailureCount"),
                tolerated_failure_percentage=request.get("toleratedFailurePercentage"),
            )
        )
        return {}


def _listing(map_run: MapRun) -> dict[str, Any]:
    entry = {
        "executionArn": map_run.execution_arn,
        "mapRunArn": map_run.arn,
        "stateMachineArn": map_run.state_machine_arn,
        "startDate": epoch(map_run.started),
    }
    return entry if map_run.stopped is None else {**entry, "stopDate": epoch(map_run.stopped)}

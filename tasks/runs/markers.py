"""Markers: the small object that, written last, says that a shard is finished."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tasks.errors import PlanMissing
from tasks.reading.shards import Shard, from_manifest
from tasks.runs.layout import RunFolder
from tasks.storage import LOOKS_AT_ONCE, Location, Storage


def planned_shards(storage: Storage, folder: RunFolder) -> list[Shard]:
    """All shards of a run, each of which needs a marker.

    Raises
    ------
    PlanMissing
        If the run was not planned, or its manifest is gone. An empty list would pass for a complete run.
    """
    place = folder.manifest("all")
    recorded = storage.read(place)
    if recorded is None:
        raise PlanMissing(f"the manifest of run {folder.run_id} is not at {place}; start the run again to plan it anew")
    return from_manifest(recorded)


def valid_marker(storage: Storage, folder: RunFolder, shard: Shard, model_version: str) -> dict[str, Any] | None:
    """The marker of a finished shard, or None while the shard is outstanding.

    A marker counts only if it was made for the same rows and model, and the objects it names are still those
    that it saw.
    """
    marker: dict[str, Any] | None = storage.read_json(folder.marker(shard.shard_id))
    if marker is None or marker["digest"] != shard.digest(model_version):
        return None
    for published in marker["objects"]:
        found = storage.find(Location(folder.bucket, published["key"]))
        if found is None or found.etag != published["etag"]:
            return None
    return marker


def valid_markers(
    storage: Storage, folder: RunFolder, shards: Iterable[Shard], model_version: str
) -> dict[str, dict[str, Any]]:
    """The markers of those of the shards that are finished, by shard id."""
    written = {found.key for found in storage.list(folder.markers)}
    candidates = [shard for shard in shards if folder.marker(shard.shard_id).key in written]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        markers = pool.map(lambda shard: valid_marker(storage, folder, shard, model_version), candidates)
        return {shard.shard_id: marker for shard, marker in zip(candidates, markers, strict=True) if marker is not None}

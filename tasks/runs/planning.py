"""Which shards a run has, and which of them are outstanding."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from tasks.errors import InputChanged
from tasks.reading.shards import LANES, Lane, Shard, from_manifest, to_manifest
from tasks.runs.arrivals import objects_to_score
from tasks.runs.inventory import shards_of, take_inventory
from tasks.runs.layout import RunFolder
from tasks.runs.markers import valid_markers
from tasks.runs.request import RunRequest
from tasks.runs.scorer_choice import choose_scorer
from tasks.runs.served_versions import ServedVersions
from tasks.storage import LOOKS_AT_ONCE, Storage


@dataclass(frozen=True)
class Plan:
    """The shards of a run; `outstanding` are those without a valid marker, `period` is the one that it scores."""

    folder: RunFolder
    period: str | None
    shards: list[Shard]
    outstanding: list[Shard]

    def lane(self, lane: Lane) -> list[Shard]:
        """The outstanding shards of a lane."""
        return [shard for shard in self.outstanding if shard.lane == lane]

    def to_state(self) -> dict[str, Any]:
        """What the workflow needs to know: counts, and where the manifests are. `rows` is None if unknown."""
        rows = [shard.rows for shard in self.shards]
        lanes: dict[str, Any] = {
            lane: {"shards": len(self.lane(lane)), "key": self.folder.manifest(lane).key} for lane in LANES
        }
        return {
            "bucket": self.folder.bucket,
            "period": self.period,
            "rows": None if None in rows else sum(count or 0 for count in rows),
            "shards": len(self.shards),
            **lanes,
        }


def plan_shards(request: RunRequest, folder: RunFolder, storage: Storage, served: ServedVersions) -> Plan:
    """Plan a run, or what is left of one, and write its manifests and the choice of its jobs' scorer.

    The first plan of a run takes the inventory of the input and records every shard. Later plans (a retry, a
    redrive, a replay, the same run id again) keep that record, so that objects which arrived since do not slip into
    the run; only objects with outstanding shards are looked at anew, because the reason of their failure may have
    been mended by replacing or removing them. A run that a schedule started may have no shards: nothing had come.

    Raises
    ------
    NoInputFound
        If the bucket does not exist, or nothing to score lies below the prefix of a run that no schedule started.
    UnsupportedObject
        If an object is in no format that can be scored.
    RunIdConflict
        If the run id was used before for another request.
    InputChanged
        If an object was replaced of which a part is scored already.
    VersionNotServed
        If the endpoint shall score, and does not serve the version.
    """
    _claim_run_id(request, folder, storage)
    place = folder.manifest("all")
    recorded = storage.read(place)
    finished = set[str]()
    if recorded is None:
        shards = take_inventory(objects_to_score(request, folder, storage), request, storage)
        if not storage.write_if_absent(place, to_manifest(shards)):
            recorded = storage.read(place)  # another execution of this run was faster: all follow one plan
    if recorded is not None:
        known = from_manifest(recorded)
        finished |= valid_markers(storage, folder, known, request.model_version).keys()
        shards = _looked_at_anew(known, finished, request, storage)
        storage.write(place, to_manifest(shards))
    plan = Plan(folder, request.period, shards, [shard for shard in shards if shard.shard_id not in finished])
    _choose_scorer(request, plan, storage, served)
    for lane in LANES:
        storage.write(folder.manifest(lane), to_manifest(plan.lane(lane)))
    return plan


def _claim_run_id(request: RunRequest, folder: RunFolder, storage: Storage) -> None:
    if storage.write_if_absent(folder.request, orjson.dumps(request.record(), option=orjson.OPT_INDENT_2)):
        return
    request.refuse_if_other_than(storage.read_json(folder.request))


def _choose_scorer(request: RunRequest, plan: Plan, storage: Storage, served: ServedVersions) -> None:
    """Record the choice. Where nothing is left for jobs, the reason of what they did stays."""
    place, outstanding = plan.folder.scorer, plan.lane("large")
    if outstanding or storage.read(place) is None:
        jobs = [shard for shard in plan.shards if shard.lane == "large"]
        storage.write_json(place, choose_scorer(request, jobs, outstanding, served).to_json())


def _looked_at_anew(known: list[Shard], finished: set[str], request: RunRequest, storage: Storage) -> list[Shard]:
    objects = [(source, list(group)) for source, group in groupby(known, key=lambda shard: shard.source)]
    outstanding = [source for source, group in objects if any(shard.shard_id not in finished for shard in group)]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        found = dict(zip(outstanding, pool.map(storage.find, outstanding), strict=True))
    shards: list[Shard] = []
    next_number = 1 + max((int(shard.shard_id) for shard in known), default=-1)
    for source, of_object in objects:
        if source not in found:
            shards += of_object
            continue
        now = found[source]
        if now is not None and now.etag == of_object[0].etag:
            shards += of_object
        elif any(shard.shard_id in finished for shard in of_object):
            what = "removed" if now is None else "replaced"
            raise InputChanged(f"{source} was {what} when a part of it was scored already; start a new run")
        elif now is not None:
            for number, shard in enumerate(shards_of(now, source.bucket, request, storage)):
                if number < len(of_object):
                    shards.append(shard.with_id(int(of_object[number].shard_id)))
                else:
                    shards.append(shard.with_id(next_number))
                    next_number += 1
    return shards

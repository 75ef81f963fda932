"""What a run left in the results bucket: its request, what was planned, what is done.

Markers are the truth about what is done: a shard's marker is written last, after its results.
"""

import json
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.target import Target
from tasks.reading.shards import Shard, from_manifest
from tasks.runs.layout import RunFolder
from tasks.storage import Location, Storage


@dataclass(frozen=True)
class Marker:
    """What a finished shard tells of itself. Counts are rows, `objects` keys that it wrote, `work` seconds by stage."""

    shard_id: str
    rows: int
    predictions: int
    quarantined: int
    reasons: Counter[str]
    objects: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    worker: str
    work: dict[str, float]


class RunRecord:
    """Reads what a run wrote, as it grows.

    Parameters
    ----------
    target
        The AWS that the run ran on.
    run_id
        The run's id.
    """

    def __init__(self, target: Target, run_id: str) -> None:
        self.run_id = run_id
        self.bucket = target.names.bucket("results")
        self._folder = RunFolder(self.bucket, run_id, day="")
        self._storage = Storage(target.client("s3"))
        self._markers: dict[tuple[str, str], Marker] = {}

    def request(self) -> dict[str, Any] | None:
        """Read the normalised request, or None while there is none."""
        recorded = self._storage.read_json(self._folder.request)
        return None if recorded is None else dict(recorded["request"])

    def summary(self) -> dict[str, Any] | None:
        """Read the summary, or None while there is none."""
        summary = self._storage.read_json(self._folder.summary)
        return None if summary is None else dict(summary)

    def shards(self) -> list[Shard] | None:
        """Read the manifest of all shards, or None while nothing is planned."""
        manifest = self._storage.read(self._folder.manifest("all"))
        return None if manifest is None else from_manifest(manifest)

    def markers(self) -> list[Marker]:
        """Read the markers there are, in the order of the shards; each is fetched once, however often one asks."""
        found = {(item.key, item.etag) for item in self._storage.list(self._folder.markers)}
        self._markers = {key: marker for key, marker in self._markers.items() if key in found}
        new = sorted(found - self._markers.keys())
        with ThreadPoolExecutor(8) as pool:
            bodies = pool.map(lambda item: self._storage.read(Location(self.bucket, item[0])), new)
            self._markers |= {
                item: _parse_marker(json.loads(body))
                for item, body in zip(new, bodies, strict=True)
                if body is not None
            }
        return [self._markers[key] for key in sorted(self._markers)]

    def read(self, key: str) -> bytes:
        """Read an object that a marker names.

        Raises
        ------
        CommandError
            If it is gone.
        """
        body = self._storage.read(Location(self.bucket, key))
        if body is None:
            raise CommandError(f"s3://{self.bucket}/{key} is gone, though its marker says that it was written.")
        return body


def rows_by_reason(markers: Collection[Marker]) -> dict[str, int]:
    """Count the quarantined rows of all shards by reason, the most frequent first."""
    total: Counter[str] = Counter()
    for marker in markers:
        total.update(marker.reasons)
    return dict(total.most_common())


def work_by_stage(markers: Collection[Marker]) -> dict[str, float]:
    """Add up the seconds that the workers spent in each stage of scoring, in the order of the stages."""
    total: dict[str, float] = {}
    for marker in markers:
        for stage, seconds in marker.work.items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total


def _parse_marker(marker: dict[str, Any]) -> Marker:
    return Marker(
        shard_id=marker["shard"]["shardId"],
        rows=marker["rows"],
        predictions=marker["predictions"],
        quarantined=marker["quarantined"],
        reasons=Counter(marker["reasons"]),
        objects=tuple(item["key"] for item in marker["objects"]),
        started_at=datetime.fromisoformat(marker["startedAt"]),
        finished_at=datetime.fromisoformat(marker["finishedAt"]),
        worker=marker["worker"],
        work=dict(marker["stages"]),
    )

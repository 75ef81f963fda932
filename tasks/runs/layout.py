"""Where the objects of a run are: the one place that knows the layout of the results bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.reading.shards import Lane
from tasks.runs.request import RunRequest
from tasks.storage import Location


def stream_quarantine(bucket: str, day: str, prediction_id: str) -> Location:
    """Where a record of the stream is set aside; `day` is the one on which it arrived, `YYYY-MM-DD` in UTC."""
    return Location(bucket, f"quarantine/stream/day={day}/{prediction_id}.json")


def takings(bucket: str, schedule: str, period: str = "") -> Location:
    """Prefix of what the runs of a schedule took, of one period or of all; the periods sort by time."""
    return Location(bucket, f"schedules/{schedule}/taken/{period}{'/' if period else ''}")


@dataclass(frozen=True)
class RunFolder:
    """The objects of one run."""

    bucket: str
    run_id: str
    day: str

    @classmethod
    def of(cls, run: RunRequest, bucket: str) -> RunFolder:
        """The folder of a run in the results bucket."""
        return cls(bucket, run.run_id, run.day)

    def _in_run(self, name: str) -> Location:
        return Location(self.bucket, f"runs/{self.run_id}/{name}")

    @property
    def request(self) -> Location:
        """The normalised request with its digest."""
        return self._in_run("request.json")

    @property
    def found(self) -> Location:
        """Keys of what lay in the folders of a schedule's run when it was first planned, by period."""
        return self._in_run("found.json")

    @property
    def scorer(self) -> Location:
        """How the run's jobs score, and why so."""
        return self._in_run("scorer.json")

    @property
    def summary(self) -> Location:
        """The summary."""
        return self._in_run("summary.json")

    @property
    def markers(self) -> Location:
        """Prefix of all markers."""
        return self._in_run("markers/")

    def manifest(self, name: Lane | Literal["all"]) -> Location:
        """The outstanding shards of a lane, or all shards of the run."""
        return self._in_run(f"manifest/{name}.jsonl")

    def map_results(self, lane: Lane) -> Location:
        """Prefix below which Step Functions writes what became of the lane's children."""
        return self._in_run(f"map-results/{lane}/")

    def marker(self, shard_id: str) -> Location:
        """The marker of a finished shard."""
        return self._in_run(f"markers/{shard_id}.json")

    def failure(self, shard_id: str) -> Location:
        """Why a job could not score a shard, in its own words."""
        return self._in_run(f"failures/{shard_id}.json")

    def predictions(self, shard_id: str) -> Location:
        """The Parquet object of a shard."""
        return Location(self.bucket, f"predictions/day={self.day}/run_id={self.run_id}/{shard_id}.parquet")

    def quarantine(self, shard_id: str) -> Location:
        """The quarantine file of a shard."""
        return Location(self.bucket, f"quarantine/day={self.day}/run_id={self.run_id}/{shard_id}.jsonl")

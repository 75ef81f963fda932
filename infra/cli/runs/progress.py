"""Live progress of an execution: its state, and of a batch inference run lanes, shards, rows, rate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.cli.runs.run_record import RunRecord
from infra.cli.terminal.target import Target
from infra.cli.terminal.units import seconds_text
from tasks.reading.shards import Shard

SECONDS_BETWEEN_LINES = 5.0
"""How often progress is printed where it cannot be redrawn in place: in a log or a pipe."""

_LANES = {"small": "small shards (Lambda)", "large": "large shards (Batch)"}


@dataclass(frozen=True)
class Lane:
    """How far a lane is, in shards."""

    name: str
    shards: int
    done: int
    failed: int


@dataclass(frozen=True)
class Snapshot:
    """How far a run is. `rows_planned` is None while a shard's rows are not known before it is read."""

    state: str
    seconds: float
    lanes: tuple[Lane, ...]
    rows: int
    rows_planned: int | None
    quarantined: int
    rows_per_second: float

    def line(self) -> str:
        """Write it as one line."""
        parts = [f"{seconds_text(self.seconds):>12}", self.state]
        for lane in self.lanes:
            failed = f" ({lane.failed} failed)" if lane.failed else ""
            parts.append(f"{lane.name} {lane.done}/{lane.shards}{failed}")
        if self.lanes:
            of = f" of {self.rows_planned:,}" if self.rows_planned else ""
            parts.append(f"{self.rows:,}{of} rows")
        if self.rows_per_second:
            parts.append(f"{self.rows_per_second:,.0f} rows/s")
        return "  ".join(parts)


class Watch:
    """Observes one execution from outside, through the same calls as any client.

    Parameters
    ----------
    target
        The AWS that it runs on.
    execution_arn
        The execution.
    record
        What its run has left so far; None if it is no batch inference.
    """

    def __init__(self, target: Target, execution_arn: str, record: RunRecord | None) -> None:
        self._states = target.client("stepfunctions")
        self._arn = execution_arn
        self._record = record
        self._shards: list[Shard] | None = None
        self._began = datetime.now(UTC)

    def execution(self) -> dict[str, Any]:
        """Describe the execution."""
        return dict(self._states.describe_execution(executionArn=self._arn))

    def snapshot(self) -> Snapshot:
        """See how far the run is now."""
        if self._shards is None and self._record:
            self._shards = self._record.shards()
        shards = self._shards or []
        markers = self._record.markers() if shards and self._record else []
        done = {marker.shard_id for marker in markers}
        failed = self._failed_by_lane() if shards else {}
        lanes = tuple(
            _lane(lane, [shard for shard in shards if shard.lane == lane], done, failed.get(lane, 0))
            for lane in _LANES
            if any(shard.lane == lane for shard in shards)
        )
        # Markers from before (an earlier attempt of this run) are done rows, but not this attempt's speed.
        recent = [marker for marker in markers if marker.finished_at >= self._began]
        since = min((marker.started_at for marker in recent), default=self._began)
        working = max((datetime.now(UTC) - since).total_seconds(), 0.001)
        unknown = any(shard.rows is None for shard in shards)
        return Snapshot(
            state=self._state(),
            seconds=(datetime.now(UTC) - self._began).total_seconds(),
            lanes=lanes,
            rows=sum(marker.rows for marker in markers),
            rows_planned=None if unknown or not shards else sum(shard.rows or 0 for shard in shards),
            quarantined=sum(marker.quarantined for marker in markers),
            rows_per_second=sum(marker.rows for marker in recent) / working,
        )

    def _state(self) -> str:
        """Name the state of the workflow that runs; for branches beside each other, the one that they are in."""
        latest = self._states.get_execution_history(executionArn=self._arn, reverseOrder=True, maxResults=50)
        entered = [event for event in latest["events"] if event["type"].endswith("StateEntered")]
        if not entered:
            return "starting"
        for event in latest["events"]:
            if event["type"] == "ParallelStateExited":
                break
            if event["type"] == "ParallelStateEntered":
                return str(event["stateEnteredEventDetails"]["name"])
        return str(entered[0]["stateEnteredEventDetails"]["name"])

    def _failed_by_lane(self) -> dict[str, int]:
        # A Map Run's ARN ends in `…/{label}:{uuid}`; the workflow labels each lane's Map with the lane's name.
        failed: dict[str, int] = {}
        for run in self._states.list_map_runs(executionArn=self._arn)["mapRuns"]:
            lane = run["mapRunArn"].rpartition("/")[2].partition(":")[0]
            counts = self._states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
            failed[lane] = counts["failed"] + counts["timedOut"] + counts["aborted"]
        return failed


def _lane(name: str, shards: list[Shard], done: set[str], ended_badly: int) -> Lane:
    finished = sum(shard.shard_id in done for shard in shards)
    # When a Map gives up it aborts children whose worker then finishes all the same: the marker counts.
    return Lane(name, len(shards), finished, min(ended_badly, len(shards) - finished))


def follow(watch: Watch, console: Console, seconds_between_looks: float) -> dict[str, Any]:
    """Show progress until the execution ends.

    Returns
    -------
    The execution's description, as DescribeExecution answers it.
    """
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:
            return _until_the_end(watch, seconds_between_looks, lambda now: live.update(_picture(now), refresh=True))
    return _until_the_end(watch, seconds_between_looks, _Lines(console).show)


def _until_the_end(watch: Watch, pause: float, show: Callable[[Snapshot], None]) -> dict[str, Any]:
    while True:
        execution = watch.execution()
        show(watch.snapshot())
        if execution["status"] not in ("RUNNING", "PENDING_REDRIVE"):
            return execution
        time.sleep(pause)


class _Lines:
    """Prints a line now and then, for consoles that cannot redraw."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed_at = float("-inf")

    def show(self, now: Snapshot) -> None:
        if time.monotonic() - self._printed_at >= SECONDS_BETWEEN_LINES:
            self._console.print(now.line(), markup=False)
            self._printed_at = time.monotonic()


def _picture(now: Snapshot) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(min_width=24)
    rows.add_column(width=32)
    rows.add_column(justify="right")
    rows.add_column()
    for lane in now.lanes:
        failed = Text(f"{lane.failed} failed", style="red") if lane.failed else Text("")
        rows.add_row(_LANES[lane.name], _bar(lane.done, lane.shards), f"{lane.done} of {lane.shards}", failed)
    if now.lanes:
        of = f" of {now.rows_planned:,}" if now.rows_planned else ""
        rate = f"{now.rows_per_second:,.0f} rows/s" if now.rows_per_second else ""
        rows.add_row("rows", _bar(now.rows, now.rows_planned), f"{now.rows:,}{of}", rate)
    return Group(Text(f"{now.state} · {seconds_text(now.seconds)}", style="bold"), rows)


def _bar(done: int, total: int | None) -> ProgressBar:
    return ProgressBar(
        total=total or 1,
        completed=min(done, total) if total else 0,
        pulse=total is None,
        complete_style="blue",
        finished_style="green",
        pulse_style="blue",
    )

"""A Map Run: the child executions of a distributed Map, and what may be known and changed while it runs.

Facts: AWS Step Functions API reference, "DescribeMapRun" and "UpdateMapRun".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows.interpreter.child_execution import ChildExecution, time_from_json, time_to_json
from workflows.interpreter.interfaces import Json

COUNTED_AS = {
    "PENDING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timedOut",
    "ABORTED": "aborted",
}
"""Under which key of the counts a child's status is counted."""


@dataclass(slots=True, eq=False)
class MapRun:
    """One Map Run.

    Attributes
    ----------
    arn, label
        Who it is; the label stands in the ARNs of the run and of its children.
    execution_arn
        The parent execution.
    state_name
        The Map state.
    express
        Whether the children are Express executions.
    started, stopped
        When it started first and ended last, timezone-aware.
    max_concurrency
        Children that may run at the same time, 0 for as many as there may be at all.
    tolerated_failure_count, tolerated_failure_percentage
        How many items, or which share of them from 0 to 100, may fail; None where the state does not say.
    status
        `RUNNING`, then `SUCCEEDED`, `FAILED` or `ABORTED`.
    children
        None as long as the items have not been read.
    results_written
        Children whose results were written by a ResultWriter.
    redrives, redriven
        How often it was redriven, and when last.
    """

    arn: str
    label: str
    execution_arn: str
    state_name: str
    express: bool
    started: datetime
    max_concurrency: int = 0
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: float | None = None
    status: str = "RUNNING"
    stopped: datetime | None = None
    children: list[ChildExecution] | None = None
    results_written: int = 0
    redrives: int = 0
    redriven: datetime | None = None
    on_update: Callable[[], None] | None = field(default=None, repr=False)
    _items: dict[str, int] = field(default_factory=dict, repr=False)
    _executions: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """The UUID at the end of the ARN."""
        return self.arn.rsplit(":", 1)[-1]

    @property
    def state_machine_arn(self) -> str:
        """The ARN under which the children's machine is known."""
        return self.arn.replace(":mapRun:", ":stateMachine:").rsplit(":", 1)[0]

    def begin(self, children: list[ChildExecution]) -> None:
        """Take the children, none of which has started."""
        self.children = children
        self._count()

    def change(self, child: ChildExecution, status: str) -> None:
        """Give a child another status, and keep the counts right."""
        self._executions[child.status] -= 1
        self._items[child.status] -= child.items
        child.status = status
        self._executions[status] += 1
        self._items[status] += child.items

    def _count(self) -> None:
        self._executions = dict.fromkeys(COUNTED_AS, 0)
        self._items = dict.fromkeys(COUNTED_AS, 0)
        for child in self.children or ():
            self._executions[child.status] += 1
            self._items[child.status] += child.items

    @property
    def exceeds_tolerance(self) -> bool:
        """Whether more items have failed than are tolerated.

        An item has failed when its child failed or timed out. Where the state sets neither a count nor a
        percentage, none may fail.
        """
        failed = self._items.get("FAILED", 0) + self._items.get("TIMED_OUT", 0)
        count, percentage = self.tolerated_failure_count, self.tolerated_failure_percentage
        if count is None and percentage is None:
            return failed > 0
        total = sum(self._items.values())
        return (count is not None and failed > count) or (percentage is not None and failed * 100 > percentage * total)

    def update(
        self,
        *,
        max_concurrency: int | None = None,
        tolerated_failure_count: int | None = None,
        tolerated_failure_percentage: float | None = None,
    ) -> None:
        """Change limits while it runs, as UpdateMapRun does; what is None stays.

        More children start at once when there may be more; when there may be fewer, running ones end first.
        """
        if max_concurrency is not None:
            self.max_concurrency = max_concurrency
        if tolerated_failure_count is not None:
            self.tolerated_failure_count = tolerated_failure_count
        if tolerated_failure_percentage is not None:
            self.tolerated_failure_percentage = tolerated_failure_percentage
        if self.on_update is not None:
            self.on_update()

    def _counts(self, of: Mapping[str, int], results_written: int) -> dict[str, int]:
        counts = {key: of.get(status, 0) for status, key in COUNTED_AS.items()}
        return {
            **counts,
            "total": sum(counts.values()),
            "resultsWritten": results_written,
            "failuresNotRedrivable": 0,
            "pendingRedrive": 0,
        }

    def describe(self) -> dict[str, Any]:
        """Give the answer of DescribeMapRun; dates are `datetime`."""
        written = self.results_written
        items_written = sum(child.items for child in self.children or ()) if written else 0
        answer: dict[str, Any] = {
            "mapRunArn": self.arn,
            "executionArn": self.execution_arn,
            "status": self.status,
            "startDate": self.started,
            "maxConcurrency": self.max_concurrency,
            "toleratedFailurePercentage": float(self.tolerated_failure_percentage or 0),
            "toleratedFailureCount": self.tolerated_failure_count or 0,
            "itemCounts": self._counts(self._items, items_written),
            "executionCounts": self._counts(self._executions, written),
            "redriveCount": self.redrives,
        }
        if self.stopped is not None:
            answer["stopDate"] = self.stopped
        if self.redriven is not None:
            answer["redriveDate"] = self.redriven
        return answer

    def to_json(self) -> dict[str, Json]:
        """Give a JSON value from which `from_json` makes an equal one."""
        return {
            "arn": self.arn,
            "label": self.label,
            "execution_arn": self.execution_arn,
            "state_name": self.state_name,
            "express": self.express,
            "started": time_to_json(self.started),
            "max_concurrency": self.max_concurrency,
            "tolerated_failure_count": self.tolerated_failure_count,
            "tolerated_failure_percentage": self.tolerated_failure_percentage,
            "status": self.status,
            "stopped": time_to_json(self.stopped),
            "children": None if self.children is None else [child.to_json() for child in self.children],
            "results_written": self.results_written,
            "redrives": self.redrives,
            "redriven": time_to_json(self.redriven),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> MapRun:
        """Make the Map Run again that `to_json` wrote."""
        fields = dict(value)
        children = fields["children"]
        for key in ("started", "stopped", "redriven"):
            fields[key] = time_from_json(fields[key])
        fields["children"] = None if children is None else [ChildExecution.from_json(c) for c in children]
        map_run = cls(**fields)
        map_run._count()
        return map_run

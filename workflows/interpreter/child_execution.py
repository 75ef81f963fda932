"""One child execution of a Map Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workflows.interpreter.interfaces import Json
from workflows.interpreter.journal import Journal

if TYPE_CHECKING:
    from workflows.interpreter.progress import Progress

UNSUCCESSFUL = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
"""Statuses of children that have ended and are run again by a redrive."""


@dataclass(slots=True, eq=False)
class ChildExecution:
    """One child execution of a Map Run.

    Attributes
    ----------
    index
        Its place in the Map Run, from 0.
    arn, name
        Who it is.
    input
        The item, or the batch of items.
    items
        How many items it has: 1, or the size of its batch.
    status
        `PENDING` before it starts, `RUNNING`, then how it ended.
    output, error, cause
        What it ended with.
    started, stopped
        When it started first and ended last, timezone-aware.
    redrives
        How often it was redriven.
    journal
        Its own history, None before it starts.
    progress
        Its resume point while it is not successful.
    """

    index: int
    arn: str
    name: str
    input: Json
    items: int = 1
    status: str = "PENDING"
    output: Json = None
    error: str | None = None
    cause: str | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    redrives: int = 0
    journal: Journal | None = None
    progress: Progress | None = None

    def to_json(self) -> dict[str, Json]:
        """Give a JSON value from which `from_json` makes an equal one."""
        return {
            "index": self.index,
            "arn": self.arn,
            "name": self.name,
            "input": self.input,
            "items": self.items,
            "status": self.status,
            "output": self.output,
            "error": self.error,
            "cause": self.cause,
            "started": time_to_json(self.started),
            "stopped": time_to_json(self.stopped),
            "redrives": self.redrives,
            "journal": self.journal.to_json() if self.journal else None,
            "progress": self.progress.to_json() if self.progress else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> ChildExecution:
        """Make the child again that `to_json` wrote."""
        # A child has a progress, which may have a Map Run, which has children.
        from workflows.interpreter.progress import Progress

        fields = dict(value)
        fields["started"] = time_from_json(fields["started"])
        fields["stopped"] = time_from_json(fields["stopped"])
        fields["journal"] = Journal.from_json(fields["journal"]) if fields["journal"] else None
        fields["progress"] = Progress.from_json(fields["progress"]) if fields["progress"] else None
        return cls(**fields)


def time_to_json(moment: datetime | None) -> str | None:
    """Write a time so that `time_from_json` reads the same one."""
    return None if moment is None else moment.isoformat()


def time_from_json(text: str | None) -> datetime | None:
    """Read a time that `time_to_json` wrote."""
    return None if text is None else datetime.fromisoformat(text)

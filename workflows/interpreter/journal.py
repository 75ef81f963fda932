"""The history of an execution, as GetExecutionHistory tells it.

Names of events and of their details: AWS Step Functions API reference, "HistoryEvent".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Clock, Json

MAXIMUM_EVENTS = 25_000
"""Events that the history of a Standard execution can hold, its end included; that of an Express execution has no limit
(Step Functions developer guide, "Service quotas")."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `details` is the object that stands under the event's own details key, or None."""

    id: int
    previous_id: int
    timestamp: datetime
    type: str
    details: dict[str, Json] | None = None

    @property
    def details_key(self) -> str:
        """Name of the key that holds the details, e.g. `stateEnteredEventDetails` for `PassStateEntered`."""
        for ending in ("StateEntered", "StateExited"):
            if self.type.endswith(ending):
                return f"s{ending[1:]}EventDetails"
        return f"{self.type[0].lower()}{self.type[1:]}EventDetails"

    def history(self) -> dict[str, Any]:
        """Give the event in the shape of GetExecutionHistory."""
        shape: dict[str, Any] = {
            "timestamp": self.timestamp,
            "type": self.type,
            "id": self.id,
            "previousEventId": self.previous_id,
        }
        if self.details is not None:
            shape[self.details_key] = self.details
        return shape


class Journal:
    """Every event of one execution, in the order of their ids, which count from 1.

    Parameters
    ----------
    execution_arn
        Whose history it is.
    on_event
        Called after each event is added.
    """

    def __init__(self, execution_arn: str = "", on_event: Callable[[Journal, Event], None] | None = None) -> None:
        self.execution_arn = execution_arn
        self.on_event = on_event
        self.events: list[Event] = []

    def __len__(self) -> int:
        return len(self.events)

    @property
    def full(self) -> bool:
        """Whether there is only room left for the end of the execution."""
        return len(self.events) >= MAXIMUM_EVENTS - 1 and ":express:" not in self.execution_arn

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def add(self, kind: str, previous: int, at: datetime, details: dict[str, Json] | None) -> int:
        """Append an event that follows the event `previous`, and give its id."""
        event = Event(len(self.events) + 1, previous, at, kind, details)
        self.events.append(event)
        if self.on_event is not None:
            self.on_event(self, event)
        return event.id

    def types(self) -> list[str]:
        """List the types of all events."""
        return [event.type for event in self.events]

    def history(self) -> list[dict[str, Any]]:
        """Give the `events` of GetExecutionHistory; `timestamp` is a `datetime`."""
        return [event.history() for event in self.events]

    def to_json(self) -> dict[str, Json]:
        """Give a JSON value from which `from_json` makes an equal journal."""
        return {
            "executionArn": self.execution_arn,
            "events": [[event.previous_id, event.timestamp.isoformat(), event.type, event.details] for event in self],
        }

    @classmethod
    def from_json(cls, value: dict[str, Json], on_event: Callable[[Journal, Event], None] | None = None) -> Journal:
        """Make the journal again that `to_json` wrote."""
        journal = cls(value["executionArn"], on_event)
        journal.events = [
            Event(number, previous, datetime.fromisoformat(at), kind, details)
            for number, (previous, at, kind, details) in enumerate(value["events"], 1)
        ]
        return journal


class Trace:
    """A thread through the journal: it knows the event that the next one of its line follows."""

    __slots__ = ("clock", "journal", "last")

    def __init__(self, journal: Journal, clock: Clock, last: int = 0) -> None:
        self.journal = journal
        self.clock = clock
        self.last = last

    def add(self, kind: str, details: dict[str, Json] | None = None) -> int:
        """Record an event and let the next one follow it."""
        self.last = self.note(kind, details)
        return self.last

    def note(self, kind: str, details: dict[str, Json] | None = None) -> int:
        """Record an event that no other one will follow: the next one follows what this one follows.

        A full journal takes nothing but the end of the execution; see `check_room`.
        """
        if self.journal.full and not kind.startswith("Execution"):
            return self.last
        return self.journal.add(kind, self.last, self.clock.now(), details)

    def check_room(self) -> None:
        """Fail when the history is full.

        Raises
        ------
        StatesError
            ``States.Runtime``.
        """
        if self.journal.full:
            cause = f"The execution reached the maximum number of history events ({MAXIMUM_EVENTS})."
            raise StatesError("States.Runtime", cause)

    def fork(self) -> Trace:
        """Begin a line of its own from the last event of this one."""
        return Trace(self.journal, self.clock, self.last)

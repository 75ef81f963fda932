"""One figure of a benchmark, and what it is judged by."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

TERMINATED = 143


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Parameters
    ----------
    what
        What it is, for people.
    value
        Ours.
    unit
        Of the value and of the peer's.
    at_most, at_least
        Target of the value.
    peer, peer_value
        Who else did the same in the same run, and what it cost them.
    times
        Target of the ratio.
    """

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    times: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times more the peer needs than we do; None if there is no peer, or we need nothing."""
        return self.peer_value / self.value if self.peer_value is not None and self.value else None

    @property
    def target(self) -> str:
        """The target in words; empty where there is none."""
        limits = (("<=", self.at_most, ""), (">=", self.at_least, ""), (">=", self.times, " x"))
        return ", ".join(f"{sign} {limit:g}{end}" for sign, limit, end in limits if limit is not None)

    @property
    def met(self) -> bool | None:
        """Whether every target is met; None where there is none."""
        if not self.target:
            return None
        return (
            (self.at_most is None or self.value <= self.at_most)
            and (self.at_least is None or self.value >= self.at_least)
            and (self.times is None or (self.ratio or 0.0) >= self.times)
        )

    def to_json(self) -> dict[str, Any]:
        """All of it, with what follows from it."""
        return asdict(self) | {"ratio": self.ratio, "target": self.target, "met": self.met}


def print_figures(figures: Iterable[Figure]) -> None:
    """Print each figure as a line of JSON as soon as there is one; `python -m tests.benchmarks` reads them.

    SIGTERM ends the process like an error then, so that what it has started and written is taken away.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    for figure in figures:
        sys.stdout.write(json.dumps(asdict(figure)) + "\n")
        sys.stdout.flush()

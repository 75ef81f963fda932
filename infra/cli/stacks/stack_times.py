"""What became of each stack, and how long that took."""

import time
from typing import Any

from rich.console import Console

from infra.cli.stacks.cdk import BEGINNINGS, StackEvent
from infra.cli.terminal.units import seconds_text


class StackTimes:
    """Prints a line for each stack that the CDK is done with, and remembers it for scripts.

    Parameters
    ----------
    console
        Where people read it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: dict[str, float] = {}
        self.stacks: dict[str, dict[str, Any]] = {}

    def show(self, event: StackEvent) -> None:
        """Take an event of the CDK."""
        now = time.monotonic()
        if event.what in BEGINNINGS:
            self._began[event.stack] = now
            return
        seconds = now - self._began.get(event.stack, now)
        self.stacks[event.stack] = {"outcome": event.what, "seconds": round(seconds, 3)}
        self._console.print(f"{event.what:<10} {event.stack:<44} {seconds_text(seconds):>9}", markup=False)

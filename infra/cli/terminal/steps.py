"""Runs named steps, each as soon as those that it needs are done, and shows how far they are."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.cli.terminal.units import seconds_text

_SECONDS_BETWEEN_LOOKS = 0.1


class Voice:
    """With which a step tells of itself while it runs."""

    def __init__(self, say: Callable[[str], None], reach: Callable[[str], None]) -> None:
        self._say = say
        self._reach = reach

    def say(self, words: str) -> None:
        """Tell what the step does at the moment."""
        self._say(words)

    def reach(self, milestone: str) -> None:
        """Let those steps begin that need only so much of this one."""
        self._reach(milestone)


@dataclass(frozen=True)
class Step:
    """Something to do.

    Parameters
    ----------
    title
        What it is, for people; also its name.
    action
        Does it; may tell of its progress.
    needs
        Titles of the steps that must be done before, and milestones that others must have reached.
    """

    title: str
    action: Callable[[Voice], None]
    needs: tuple[str, ...] = ()


class Board:
    """Shows the steps that run, with their time and what they say; a line stays of each that is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, tuple[float, str]] = {}
        self._live = Live(console=console, transient=True, get_renderable=self._picture, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def begin(self, title: str) -> None:
        """Show that a step runs."""
        self._running[title] = (time.monotonic(), "")

    def say(self, title: str, words: str) -> None:
        """Show what a step does."""
        began, _ = self._running[title]
        self._running[title] = (began, words)

    def end(self, title: str, *, well: bool) -> None:
        """Show that a step has ended."""
        began, _ = self._running.pop(title)
        self.tell(title, time.monotonic() - began, well=well)

    def tell(self, title: str, seconds: float, *, well: bool) -> None:
        """Leave a line for a step that has ended."""
        mark = "[green]✓[/]" if well else "[red]✗[/]"
        self._console.print(f"{mark} {title:<44} {seconds_text(seconds):>12}")

    def _picture(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for title, (began, words) in list(self._running.items()):
            table.add_row("[blue]…[/]", title, f"[dim]{seconds_text(time.monotonic() - began)}[/]", f"[dim]{words}[/]")
        return table


def run_steps(steps: Sequence[Step], board: Board, check: Callable[[], None]) -> None:
    """Run all steps, those at the same time that do not need each other.

    Parameters
    ----------
    steps
        The steps, and no circle in what they need.
    board
        Where to show them.
    check
        Called again and again while steps run; raises if going on makes no sense.

    Raises
    ------
    Exception
        What the first step that failed raised, or the check. Steps that run then are left to end by themselves,
        so the caller must take away what they stand on.
    """
    waiting = list(steps)
    running: dict[Future[None], str] = {}
    done: set[str] = set()
    pool = ThreadPoolExecutor(max_workers=max(len(steps), 1))
    try:
        while waiting or running:
            for step in [step for step in waiting if done.issuperset(step.needs)]:
                waiting.remove(step)
                board.begin(step.title)
                running[pool.submit(step.action, _voice(board, step.title, done))] = step.title
            finished, _ = wait(running, timeout=_SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            check()
            for future in finished:
                title = running.pop(future)
                board.end(title, well=future.exception() is None)
                future.result()
                done.add(title)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _voice(board: Board, title: str, done: set[str]) -> Voice:
    return Voice(lambda words: board.say(title, words), done.add)

"""What an instance writes, as events of CloudWatch Logs."""

import logging
import time
from collections.abc import Callable

FLUSH_SECONDS = 0.2
LONGEST_LINE = 256 * 1024 - 26
MOST_LINES = 1_000

_logger = logging.getLogger(__name__)


class Lines:
    """Gathers lines and hands them on after a moment.

    Parameters
    ----------
    write
        Receives the lines; if it raises, they are lost, which does not concern the instance.
    """

    def __init__(self, write: Callable[[list[str]], None]) -> None:
        self._write = write
        self._partial = b""
        self._lines: list[str] = []
        self._due: float | None = None

    def feed(self, output: bytes) -> None:
        """Take what a process wrote; empty lines are dropped."""
        *lines, self._partial = (self._partial + output).split(b"\n")
        if len(self._partial) >= LONGEST_LINE:
            lines, self._partial = [*lines, self._partial], b""
        self._lines += [part for line in lines for part in _parts(line)]
        if self._lines and self._due is None:
            self._due = time.monotonic() + FLUSH_SECONDS
        if len(self._lines) >= MOST_LINES:
            self._flush()

    def flush_when_due(self) -> float | None:
        """Hand on what waits long enough; return the seconds until that is due, None if nothing waits."""
        if self._due is None:
            return None
        remaining = self._due - time.monotonic()
        if remaining > 0:
            return remaining
        self._flush()
        return None

    def close(self) -> None:
        """Hand on all that is left, an unfinished line too."""
        self.feed(b"\n")
        self._flush()

    def _flush(self) -> None:
        lines, self._lines, self._due = self._lines, [], None
        if not lines:
            return
        try:
            self._write(lines)
        except Exception:
            _logger.exception("%d log lines of an endpoint were lost", len(lines))


def _parts(line: bytes) -> list[str]:
    text = line.removesuffix(b"\r")
    return [
        text[start : start + LONGEST_LINE].decode("utf-8", errors="replace")
        for start in range(0, len(text), LONGEST_LINE)
    ]

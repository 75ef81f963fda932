"""Holds running attempts to their limits."""

import logging
import threading
from typing import Protocol

INTERVAL_SECONDS = 0.1

_logger = logging.getLogger(__name__)


class Limited(Protocol):
    """Something that has limits to be checked."""

    def check(self) -> None:
        """Enforce the limits."""


class Watch:
    """One thread that checks every attempt ten times a second; it sleeps while nothing runs.

    A job that takes and frees memory beyond its limit within a tenth of a second goes unnoticed.
    """

    def __init__(self, interval: float = INTERVAL_SECONDS) -> None:
        self._interval = interval
        self._changed = threading.Condition()
        self._watched: set[Limited] = set()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def add(self, limited: Limited) -> None:
        """Begin to check."""
        with self._changed:
            self._watched.add(limited)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="batch-watch", daemon=True)
                self._thread.start()

    def remove(self, limited: Limited) -> None:
        """Stop checking."""
        with self._changed:
            self._watched.discard(limited)

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watched or self._stopped)
                self._changed.wait_for(lambda: self._stopped, self._interval)
                if self._stopped:
                    return
                watched = list(self._watched)
            for limited in watched:
                try:
                    limited.check()
                except Exception:  # one attempt's trouble must not leave the others without limits
                    _logger.exception("an attempt could not be checked")

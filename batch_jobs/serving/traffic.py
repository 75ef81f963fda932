"""What a server was asked and what it answered, a line a minute: SageMaker's metrics know nothing of scores."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tasks.scoring.results import SCORE_BINS

#: Seconds that a line tells of; more where nothing was asked meanwhile, not even a ping.
PERIOD = 60.0


class Traffic:
    """Counts answers and scores, and prints them as a line of JSON.

    Parameters
    ----------
    version
        Id of the model version, for the lines.
    clock
        Monotonic seconds.
    """

    def __init__(self, version: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._version, self._clock = version, clock
        self._began = clock()
        self._lock = threading.Lock()
        self._statuses: Counter[int] = Counter()
        self._histogram = [0] * SCORE_BINS

    def scored(self, scores: Sequence[float]) -> None:
        """Count scores, 0 to 1, in bins of equal width; in any thread."""
        with self._lock:
            for score in scores:
                self._histogram[min(int(score * SCORE_BINS), SCORE_BINS - 1)] += 1

    def answered(self, status: int) -> None:
        """Count a request for predictions by the status of its answer."""
        self._statuses[status] += 1

    def tell_if_due(self) -> None:
        """Print what there is to tell, a minute after the last time."""
        if self._clock() - self._began >= PERIOD:
            self.tell()

    def tell(self) -> None:
        """Print what was counted since the last time, unless that is nothing, and begin anew."""
        now = self._clock()
        with self._lock:
            histogram, self._histogram = self._histogram, [0] * SCORE_BINS
        statuses, self._statuses = self._statuses, Counter()
        if statuses:
            line = {
                "level": "INFO",
                "message": "traffic",
                "modelVersion": self._version,
                "seconds": round(now - self._began, 3),
                "requests": statuses.total(),
                "statuses": {str(status): count for status, count in sorted(statuses.items())},
                "predictions": sum(histogram),
                "histogram": histogram,
            }
            print(json.dumps(line), flush=True)
        self._began = now

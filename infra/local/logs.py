"""Writes to CloudWatch Logs on behalf of AWS services."""

import contextlib
import time
from collections.abc import Iterable, Iterator

from infra.local.emulator import Services
from infra.local.errors import ServiceCallError
from tasks.aws_limits import LOGS_BATCH, LOGS_OVERHEAD

TARGET = "Logs_20140328"
MAX_EVENTS = 10_000


class Logs:
    """Log groups and streams of the account and region in force (`Services.scope`)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def write(self, group: str, stream: str, lines: Iterable[str], at: float | None = None) -> None:
        """Append lines to a stream; the group and the stream are made when they are missing.

        Must not be called on the event loop.

        Parameters
        ----------
        at
            Epoch seconds of the lines; now if ``None``.
        """
        milliseconds = int((time.time() if at is None else at) * 1000)
        for batch in _batches(lines):
            self._put(group, stream, [{"timestamp": milliseconds, "message": line} for line in batch])

    def _put(self, group: str, stream: str, events: list[dict[str, object]]) -> None:
        request = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        try:
            self._services.call("logs", f"{TARGET}.PutLogEvents", request)
        except ServiceCallError as error:
            if error.code != "ResourceNotFoundException":
                raise
            self._make(group, stream)
            self._services.call("logs", f"{TARGET}.PutLogEvents", request)

    def _make(self, group: str, stream: str) -> None:
        names = {"logGroupName": group, "logStreamName": stream}
        for operation, members in (("CreateLogGroup", {"logGroupName": group}), ("CreateLogStream", names)):
            with contextlib.suppress(ServiceCallError):  # it exists already
                self._services.call("logs", f"{TARGET}.{operation}", members)


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    """Cut lines into what calls of PutLogEvents take; a line that is too long for one becomes several."""
    longest = LOGS_BATCH.value - LOGS_OVERHEAD.value
    batch: list[str] = []
    size = 0
    for line in lines:
        text = line.encode("utf-8", "replace")
        for first in range(0, len(text), longest):
            piece = text[first : first + longest]
            if len(batch) == MAX_EVENTS or size + len(piece) + LOGS_OVERHEAD.value > LOGS_BATCH.value:
                yield batch
                batch, size = [], 0
            batch.append(piece.decode("utf-8", "ignore"))
            size += len(piece) + LOGS_OVERHEAD.value
    if batch:
        yield batch

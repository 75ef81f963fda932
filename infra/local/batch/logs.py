"""What a job writes, as events in CloudWatch Logs, the way the ``awslogs`` log driver of containers sends them.

Facts: CloudWatch Logs API reference, "PutLogEvents" (at most 10,000 events and 1,048,576 bytes a call, each event
counting 26 bytes more than its text; no empty events); AWS Batch user guide, "Using the awslogs log driver".
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.batch.errors import TaskNotStartedError

DEFAULT_GROUP = "/aws/batch/job"
FLUSH_SECONDS = 0.2

_LONGEST_EVENT = 256 * 1024 - 26
_MOST_EVENTS = 5_000
_MOST_BYTES = 700_000
_EVENT_OVERHEAD = 26

_logger = logging.getLogger(__name__)


class LogStream:
    """A log stream that lines are written to; it is created at once.

    Parameters
    ----------
    client
        boto3 client of CloudWatch Logs.
    options
        The ``awslogs`` driver's options: ``awslogs-group``, ``awslogs-create-group``.
    stream
        Name of the stream.
    now
        Returns epoch seconds.

    Raises
    ------
    TaskNotStartedError
        ``ResourceInitializationError`` if the stream cannot be created.
    """

    def __init__(self, client: Any, options: dict[str, str], stream: str, now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._group = options.get("awslogs-group", DEFAULT_GROUP)
        self._stream = stream
        self._now = now
        self._partial = b""
        self._events: list[dict[str, Any]] = []
        self._bytes = 0
        self._due: float | None = None
        # AWS Batch owns its default group; others are created only if the definition says so.
        may_create_group = "awslogs-group" not in options or options.get("awslogs-create-group") == "true"
        self._create(may_create_group=may_create_group)

    def feed(self, output: bytes) -> None:
        """Take what a process wrote: every whole line becomes an event, empty ones none."""
        *lines, self._partial = (self._partial + output).split(b"\n")
        for line in lines:
            self._add(line)
        while len(self._partial) > _LONGEST_EVENT:
            self._add(self._partial[:_LONGEST_EVENT])
            self._partial = self._partial[_LONGEST_EVENT:]

    def flush_when_due(self) -> float | None:
        """Send what waits for `FLUSH_SECONDS`; return the seconds until that is due, None if nothing waits."""
        if self._due is None:
            return None
        remaining = self._due - time.monotonic()
        if remaining > 0:
            return remaining
        self._flush()
        return None

    def close(self) -> None:
        """Send all that is left, an unfinished line too, and close the client."""
        self._add(self._partial)
        self._partial = b""
        self._flush()
        self._client.close()

    def _create(self, *, may_create_group: bool) -> None:
        names = {"logGroupName": self._group, "logStreamName": self._stream}
        try:
            try:
                self._client.create_log_stream(**names)
            except self._client.exceptions.ResourceNotFoundException:
                if not may_create_group:
                    raise
                self._create_group()
                self._client.create_log_stream(**names)
        except (BotoCoreError, ClientError) as error:
            raise TaskNotStartedError(
                f"ResourceInitializationError: failed to create Cloudwatch log stream: {_words(error)}"
            ) from error

    def _create_group(self) -> None:
        try:
            self._client.create_log_group(logGroupName=self._group)
        except self._client.exceptions.ResourceAlreadyExistsException:
            return  # another job made it meanwhile

    def _add(self, line: bytes) -> None:
        text = line.removesuffix(b"\r")
        while text:
            event, text = text[:_LONGEST_EVENT], text[_LONGEST_EVENT:]
            size = len(event) + _EVENT_OVERHEAD
            if len(self._events) == _MOST_EVENTS or self._bytes + size > _MOST_BYTES:
                self._flush()
            self._events.append(
                {"timestamp": int(self._now() * 1000), "message": event.decode("utf-8", errors="replace")}
            )
            self._bytes += size
        if self._events and self._due is None:
            self._due = time.monotonic() + FLUSH_SECONDS

    def _flush(self) -> None:
        events, self._events, self._bytes, self._due = self._events, [], 0, None
        if not events:
            return
        try:
            self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=events)
        except (BotoCoreError, ClientError):
            # Like the log driver in its default mode: a lost log line does not fail the job.
            _logger.exception("%d log events of %s were lost", len(events), self._stream)


def _words(error: BotoCoreError | ClientError) -> str:
    """Return an error's own words: there is room for 255 characters in a container's reason."""
    if isinstance(error, ClientError):
        return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
    return str(error)

"""Records of the stream that cannot be predicted, set aside with their reason."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tasks.errors import TaskError
from tasks.online.stream_record import StreamRecord
from tasks.runs.layout import stream_quarantine
from tasks.storage import Storage

#: Objects that are written at once; a write takes some 20 ms, nearly all of it waiting.
_WRITES_AT_ONCE = 16


@dataclass(frozen=True)
class Poison:
    """A record that will never be predicted, however often it is tried, and why."""

    record: StreamRecord
    reason: str


class Quarantine:
    """Sets records aside in a bucket, each in an object of its own, which the same record always overwrites."""

    def __init__(self, bucket: str, storage: Storage) -> None:
        self._bucket, self._storage = bucket, storage

    def set_aside(self, poisons: Sequence[Poison]) -> list[tuple[StreamRecord, TaskError]]:
        """Write all of them; returns those that could not be written, with the reason."""
        if not poisons:
            return []
        with ThreadPoolExecutor(min(_WRITES_AT_ONCE, len(poisons)), thread_name_prefix="quarantine") as pool:
            failures = list(pool.map(self._write, poisons))
        return [
            (poison.record, failure) for poison, failure in zip(poisons, failures, strict=True) if failure is not None
        ]

    def _write(self, poison: Poison) -> TaskError | None:
        record = poison.record
        document = {
            "predictionId": record.prediction_id,
            "stream": record.stream,
            "eventId": record.event_id,
            "partitionKey": record.partition_key,
            "arrivedAt": record.arrival.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reason": poison.reason,
            "data": record.data,
        }
        place = stream_quarantine(self._bucket, record.arrival.date().isoformat(), record.prediction_id)
        try:
            self._storage.write_json(place, document)
        except TaskError as error:
            return error
        return None

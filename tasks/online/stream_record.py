"""Records of the Kinesis stream, as Lambda hands them over."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.online.items import Origin


@dataclass(frozen=True)
class StreamRecord:
    """One record.

    `stream` is the stream's ARN, `event_id` shard and sequence number, `data` the content in Base64, `arrived_at` the
    epoch second (with fraction) in which Kinesis took it.
    """

    stream: str
    event_id: str
    sequence_number: str
    partition_key: str
    arrived_at: float
    data: str

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> StreamRecord:
        """Take over one entry of an event (Lambda developer guide, "Using Lambda with Kinesis")."""
        kinesis = record["kinesis"]
        return cls(
            stream=record["eventSourceARN"],
            event_id=record["eventID"],
            sequence_number=kinesis["sequenceNumber"],
            partition_key=kinesis["partitionKey"],
            arrived_at=float(kinesis["approximateArrivalTimestamp"]),
            data=kinesis["data"],
        )

    @property
    def prediction_id(self) -> str:
        """The prediction's id: the same however often, and in whatever batch, the record is delivered."""
        return hashlib.sha256(f"{self.stream}/{self.event_id}".encode()).hexdigest()[:32]

    @property
    def origin(self) -> Origin:
        """Under what the prediction is stored."""
        return Origin(self.prediction_id, "stream", int(self.arrived_at), self.partition_key)

    @property
    def arrival(self) -> datetime:
        """When Kinesis took the record."""
        return datetime.fromtimestamp(self.arrived_at, UTC)

    def content(self) -> bytes:
        """The bytes that the producer put.

        Raises
        ------
        ValueError
            If the data is not Base64.
        """
        try:
            return base64.b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"is not Base64: {error}") from error

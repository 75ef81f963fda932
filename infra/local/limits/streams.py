"""Kinesis (API reference, "PutRecord"): a record is its data and its partition key.

That a stream takes larger records (``UpdateMaxRecordSize``) is unknown to the emulator, which refuses the operation.
"""

from collections.abc import Mapping
from typing import Any

from infra.local.limits.calls import Call
from infra.local.limits.refusal import refuse_beyond
from infra.local.limits.service_limits import Rule
from infra.local.service_model import blob_bytes
from tasks.aws_limits import KINESIS_RECORD, utf8_bytes


def _put_record(call: Call) -> None:
    _check(call.members)


def _put_records(call: Call) -> None:
    for record in call.members.get("Records") or []:
        _check(record)


def _check(record: Mapping[str, Any]) -> None:
    size = blob_bytes(record.get("Data") or "") + utf8_bytes(str(record.get("PartitionKey") or ""))
    refuse_beyond(
        KINESIS_RECORD,
        size,
        f"The record of {size} bytes, with its partition key, is larger than the maximum record size of the stream, "
        f"{KINESIS_RECORD.value} bytes.",
    )


RULES: dict[str, Rule] = {"PutRecord": _put_record, "PutRecords": _put_records}

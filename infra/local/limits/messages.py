"""SNS, SQS and EventBridge (API references, "Publish", "SendMessage", "PutEvents"; "PutEvents event entry size")."""

import re
from collections.abc import Mapping
from typing import Any

from infra.local.limits.calls import Call
from infra.local.limits.refusal import Refusal, refuse_beyond
from infra.local.limits.service_limits import Rule
from infra.local.service_model import blob_bytes
from infra.schedule_expressions import rule_expression
from tasks.aws_limits import (
    EVENTS_ENTRIES,
    SNS_MESSAGE,
    SNS_SUBJECT,
    SNS_TOPIC_NAME,
    SQS_ATTRIBUTES,
    SQS_DELAY,
    SQS_MESSAGE,
    SQS_QUEUE_NAME,
    utf8_bytes,
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _publish(call: Call) -> None:
    _check_message(call.members)
    if "TopicArn" in call.members:
        refuse_beyond(
            SNS_MESSAGE,
            _message_bytes(call.members, "Message"),
            f"Invalid parameter: Message too long. Maximum size is {SNS_MESSAGE.value} bytes.",
        )


def _publish_batch(call: Call) -> None:
    entries = call.members.get("PublishBatchRequestEntries") or []
    if sum(_message_bytes(entry, "Message") for entry in entries) > SNS_MESSAGE.value:
        raise Refusal("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")


def _check_message(members: Mapping[str, Any]) -> None:
    if members.get("Message") == "":
        raise Refusal("InvalidParameter", "Invalid parameter: Empty message")
    subject = members.get("Subject")
    if subject is not None and (not subject or len(subject) > SNS_SUBJECT.value or _CONTROL.search(subject)):
        raise Refusal(SNS_SUBJECT.error, "Invalid parameter: Subject")


def _create_topic(call: Call) -> None:
    name = str(call.members.get("Name", ""))
    if len(name) > SNS_TOPIC_NAME.value or not re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", name):
        raise Refusal(SNS_TOPIC_NAME.error, "Invalid parameter: Topic Name")


def _create_queue(call: Call) -> None:
    name = str(call.members.get("QueueName", ""))
    if len(name) > SQS_QUEUE_NAME.value or not re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", name):
        raise Refusal(
            SQS_QUEUE_NAME.error,
            f"Can only include alphanumeric characters, hyphens, or underscores. 1 to {SQS_QUEUE_NAME.value} in length",
        )


def _send_message(call: Call) -> None:
    members = call.members
    attributes = members.get("MessageAttributes") or {}
    refuse_beyond(
        SQS_ATTRIBUTES,
        len(attributes),
        f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{SQS_ATTRIBUTES.value}].",
    )
    delay = members.get("DelaySeconds")
    if isinstance(delay, int) and not 0 <= delay <= SQS_DELAY.value:
        raise Refusal(
            SQS_DELAY.error,
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= "
            f"{SQS_DELAY.value}.",
        )
    refuse_beyond(
        SQS_MESSAGE,
        _message_bytes(members, "MessageBody"),
        f"One or more parameters are invalid. Reason: Message must be shorter than {SQS_MESSAGE.value} bytes.",
    )


def _message_bytes(members: Mapping[str, Any], body: str) -> int:
    """Return the size of a message: its body, and names, types and values of its attributes."""
    size = utf8_bytes(str(members.get(body) or ""))
    for name, attribute in (members.get("MessageAttributes") or {}).items():
        size += utf8_bytes(name) + utf8_bytes(str(attribute.get("DataType") or ""))
        size += utf8_bytes(str(attribute.get("StringValue") or "")) + blob_bytes(attribute.get("BinaryValue") or "")
    return size


def _put_events(call: Call) -> None:
    size = sum(map(_entry_bytes, call.members.get("Entries") or []))
    refuse_beyond(EVENTS_ENTRIES, size, "Total size of the entries in the request is over the limit.")


def _entry_bytes(entry: Mapping[str, Any]) -> int:
    texts = (entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ()))
    return (14 if entry.get("Time") else 0) + sum(utf8_bytes(str(text or "")) for text in texts)


def _put_rule(call: Call) -> None:
    expression = call.members.get("ScheduleExpression")
    if expression and rule_expression(str(expression)):
        raise Refusal("ValidationException", "Parameter ScheduleExpression is not valid.")


SNS: dict[str, Rule] = {"CreateTopic": _create_topic, "Publish": _publish, "PublishBatch": _publish_batch}
SQS: dict[str, Rule] = {"CreateQueue": _create_queue, "SendMessage": _send_message}
EVENTS: dict[str, Rule] = {"PutEvents": _put_events, "PutRule": _put_rule}

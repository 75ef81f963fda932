"""Messages and events: ``sqs:sendMessage`` and ``events:putEvents``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from infra.local.step_functions.integrations import failures
from infra.local.step_functions.integrations.calls import Calls, Unreachable
from infra.local.step_functions.integrations.failures import Wording
from infra.local.step_functions.integrations.optimized import OptimizedIntegration
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import text_of

SQS = Wording("SQS", "AmazonSQS", "AmazonSQSException")
EVENTS = Wording("EventBridge", "AmazonEventBridge", "AmazonEventBridgeException")


class QueueIntegration(OptimizedIntegration):
    """Sends messages to SQS."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, "sqs", SQS)

    async def request(self, task: Task) -> Json:
        """Send; see `Integration`. A queue URL without a host fails as a request to an unknown host does."""
        queue = task.arguments.get("QueueUrl")
        if isinstance(queue, str) and not urlsplit(queue).netloc:
            raise failures.of_client(Unreachable(f"{queue}: Name or service not known"), SQS.prefix)
        return await super().request(task)


class EventIntegration(OptimizedIntegration):
    """Puts events on EventBridge. Each tells the state machine and the execution that it comes from."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, "events", EVENTS)

    async def request(self, task: Task) -> Json:
        """Put the events; see `Integration`. An entry that EventBridge refuses fails the task."""
        context = task.call.context
        origin = [context["StateMachine"]["Id"], context["Execution"]["Id"]]
        entries: list[dict[str, Any]] = [
            {**entry, "Resources": [*(entry.get("Resources") or []), *origin]}
            for entry in task.arguments.get("Entries") or []
        ]
        refusals = [_refusal(entry) for entry in entries]
        good = [entry for entry, refusal in zip(entries, refusals, strict=True) if refusal is None]
        answer: dict[str, Any] = {"Entries": [], "FailedEntryCount": 0}
        if good or not entries:
            answer = await self.call(task, "PutEvents", {**task.arguments, "Entries": good}, metadata=False)
        accepted = iter(answer["Entries"])
        answer["Entries"] = [next(accepted) if refusal is None else refusal for refusal in refusals]
        answer["FailedEntryCount"] += len(entries) - len(good)
        if answer["FailedEntryCount"]:
            raise StatesError("EventBridge.FailedEntry", text_of(answer))
        return answer


def _refusal(entry: dict[str, Any]) -> dict[str, str] | None:
    """Refuse an entry as EventBridge does: the emulator takes any.

    Facts: EventBridge API reference, "PutEventsRequestEntry", and recorded answers of AWS.
    """
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
    detail = entry["Detail"]
    try:
        parsed = json.loads(detail) if isinstance(detail, str) else detail
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None

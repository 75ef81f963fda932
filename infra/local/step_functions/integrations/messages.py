"""Messages and events: ``sqs:sendMessage`` and ``events:putEvents``."""

from __future__ import annotations

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
        answer = await self.call(task, "PutEvents", {**task.arguments, "Entries": entries}, metadata=False)
        if answer.get("FailedEntryCount"):
            raise StatesError("EventBridge.FailedEntry", text_of(answer))
        return answer

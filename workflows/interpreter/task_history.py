"""How the history tells of a task: Lambda functions, activities and service integrations each in their own words.

Facts: AWS Step Functions API reference, "HistoryEvent" and the details types that it lists.
"""

from __future__ import annotations

from typing import Any

from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json, TaskCall
from workflows.interpreter.journal import Trace
from workflows.interpreter.payload import text_of

WAITED_FOR = (".sync", ".sync:2", ".waitForTaskToken")
"""Endings of resources whose work goes on after the service has accepted the request."""


def output_details(text: str) -> dict[str, Json]:
    """Give the two keys that hold an output in the details of an event."""
    return {"output": text, "outputDetails": {"truncated": False}}


def input_details(text: str) -> dict[str, Json]:
    """Give the two keys that hold an input in the details of an event."""
    return {"input": text, "inputDetails": {"truncated": False}}


LONGEST_ERROR = 256
LONGEST_CAUSE = 32_768
"""Characters that the API has for an error and a cause (API reference, "ExecutionFailedEventDetails")."""


def failure_details(failure: StatesError) -> dict[str, Json]:
    """Give the error and the cause, those that there are, cut to what the API can tell of them."""
    details: dict[str, Json] = {}
    if failure.error is not None:
        details["error"] = failure.error[:LONGEST_ERROR]
    if failure.cause is not None:
        details["cause"] = failure.cause[:LONGEST_CAUSE]
    return details


class TaskHistory:
    """The events of one attempt of a Task state whose `Resource` is a service integration."""

    prefix = "Task"

    def __init__(self, trace: Trace, call: TaskCall, region: str) -> None:
        self._trace = trace
        self._call = call
        self._region = region
        self._identity = self._identify(call.resource)
        self._must_be_submitted = call.resource.endswith(WAITED_FOR)

    @staticmethod
    def _identify(resource: str) -> dict[str, Json]:
        """Tell resource type and resource apart: `aws-sdk:dynamodb` and `putItem`, `batch` and `submitJob.sync`."""
        service = resource.split(":", 5)[-1]
        words = 2 if service.startswith("aws-sdk:") else 1
        parts = service.split(":", words)
        return {"resourceType": ":".join(parts[:words]), "resource": parts[-1]}

    @property
    def producer(self) -> str:
        """What Step Functions calls the task in messages about its result."""
        return str(self._identity.get("resourceType", self._call.resource))

    def _request(self) -> dict[str, Json]:
        return {
            **self._identity,
            "region": self._region,
            "parameters": text_of(self._call.arguments),
        }

    def scheduled(self) -> None:
        """Record that the attempt was scheduled."""
        call = self._call
        details = self._request()
        if call.timeout_seconds is not None:
            details["timeoutInSeconds"] = int(call.timeout_seconds)
        if call.heartbeat_seconds is not None:
            details["heartbeatInSeconds"] = int(call.heartbeat_seconds)
        if call.credentials is not None:
            details["taskCredentials"] = {"roleArn": call.credentials.get("RoleArn")}
        self._trace.add(f"{self.prefix}Scheduled", details)

    def started(self) -> None:
        """Record that the attempt was started."""
        self._trace.add("TaskStarted", dict(self._identity))

    def submitted(self, answer: Json) -> None:
        """Record that the service accepted the request of a task that is waited for."""
        self._must_be_submitted = False
        self._trace.add("TaskSubmitted", {**self._identity, **output_details(text_of(answer))})

    def worker_started(self, worker: str | None) -> None:
        """Ignore workers: only activities have them."""

    def succeeded(self, text: str) -> None:
        """Record the result."""
        self._trace.add(f"{self.prefix}Succeeded", {**self._identity, **output_details(text)})

    def failed(self, failure: StatesError) -> None:
        """Record the failure: of the request itself, or of the work."""
        kind = "SubmitFailed" if self._must_be_submitted else "Failed"
        self._trace.add(f"{self.prefix}{kind}", {**self._identity, **failure_details(failure)})

    def timed_out(self, failure: StatesError) -> None:
        """Record that the attempt took too long."""
        self._trace.add(f"{self.prefix}TimedOut", {**self._identity, **failure_details(failure)})


class LambdaHistory(TaskHistory):
    """The events of a task whose `Resource` is the ARN of a Lambda function."""

    prefix = "LambdaFunction"

    @staticmethod
    def _identify(resource: str) -> dict[str, Json]:
        del resource
        return {}

    def _request(self) -> dict[str, Json]:
        return {"resource": self._call.resource, **input_details(text_of(self._call.arguments))}

    def started(self) -> None:
        """Record that the function was started: an event without details."""
        self._trace.add("LambdaFunctionStarted")


class ActivityHistory(LambdaHistory):
    """The events of a task whose `Resource` is an activity."""

    prefix = "Activity"

    def started(self) -> None:
        """Wait with it: an activity starts when a worker takes the task."""

    def worker_started(self, worker: str | None) -> None:
        """Record that a worker took the task."""
        self._trace.add("ActivityStarted", {} if worker is None else {"workerName": worker})


def history_of(trace: Trace, call: TaskCall, region: str) -> TaskHistory:
    """Choose the words for the resource that is called."""
    parts: list[Any] = call.resource.split(":")
    if parts[2:3] == ["lambda"]:
        return LambdaHistory(trace, call, region)
    if parts[2:3] == ["states"] and parts[5:6] == ["activity"]:
        return ActivityHistory(trace, call, region)
    return TaskHistory(trace, call, region)

"""Nested executions: ``arn:aws:states:::states:startExecution``, also with ``.sync``, ``.sync:2`` and a task token."""

from __future__ import annotations

import json
from typing import Any

from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.failures import Wording
from infra.local.step_functions.integrations.optimized import OptimizedIntegration
from infra.local.step_functions.integrations.polling import looks
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import text_of


class ExecutionIntegration(OptimizedIntegration):
    """Starts executions, and follows them."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(
            calls, "stepfunctions", Wording("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException")
        )

    async def follow(self, task: Task, submitted: Json) -> Json:
        """Wait for the end of the execution; see `Job`. With ``.sync:2`` its input and output are JSON, else texts."""
        description: dict[str, Any] = {}
        async for _ in looks():
            description = await self.call(
                task, "DescribeExecution", {"ExecutionArn": submitted["ExecutionArn"]}, metadata=False
            )
            if description["Status"] != "RUNNING":
                break
        if task.resource.pattern == "sync:2":
            for name in ("Input", "Output"):
                if name in description:
                    description[name] = json.loads(description[name])
        if description["Status"] != "SUCCEEDED":
            raise StatesError("States.TaskFailed", text_of(description))
        return description

    async def stop(self, task: Task, submitted: Json) -> None:
        """Stop the execution; see `Job`."""
        await self.call(task, "StopExecution", {"ExecutionArn": submitted["ExecutionArn"]})

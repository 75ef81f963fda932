"""Jobs of AWS Batch: ``batch:submitJob``, also with ``.sync``."""

from __future__ import annotations

from typing import Any

from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.failures import Wording
from infra.local.step_functions.integrations.optimized import OptimizedIntegration
from infra.local.step_functions.integrations.polling import looks
from infra.local.step_functions.integrations.task import Task
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import text_of


class BatchIntegration(OptimizedIntegration):
    """Submits jobs of AWS Batch, and follows them."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, "batch", Wording("Batch", "AWSBatch", "AWSBatchException"))

    async def follow(self, task: Task, submitted: Json) -> Json:
        """Wait for the end of the job; see `Job`. The cause of a failure is the job's description as JSON."""
        job: dict[str, Any] = {}
        async for _ in looks():
            found = await self.call(task, "DescribeJobs", {"Jobs": [submitted["JobId"]]}, metadata=False)
            if not found.get("Jobs"):
                raise StatesError("States.TaskFailed", f"The job {submitted['JobId']} does not exist any more.")
            job = found["Jobs"][0]
            if job["Status"] in ("SUCCEEDED", "FAILED"):
                break
        if job["Status"] == "FAILED":
            raise StatesError("States.TaskFailed", text_of(job))
        return job

    async def stop(self, task: Task, submitted: Json) -> None:
        """Terminate the job; see `Job`."""
        await self.call(task, "TerminateJob", {"JobId": submitted["JobId"], "Reason": "Aborted by AWS Step Functions."})

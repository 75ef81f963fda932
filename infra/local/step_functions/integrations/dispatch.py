"""Which integration does what a Task state names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, cast

from infra.local.step_functions.activities import Activities, Work
from infra.local.step_functions.callbacks import Callbacks
from infra.local.step_functions.integrations.aws_sdk import SdkIntegration
from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.executions import ExecutionIntegration
from infra.local.step_functions.integrations.failures import Wording
from infra.local.step_functions.integrations.functions import FunctionArnIntegration, FunctionIntegration
from infra.local.step_functions.integrations.jobs import BatchIntegration
from infra.local.step_functions.integrations.messages import EventIntegration, QueueIntegration
from infra.local.step_functions.integrations.objects import ObjectIntegration
from infra.local.step_functions.integrations.optimized import OptimizedIntegration
from infra.local.step_functions.integrations.rest import RestIntegration
from infra.local.step_functions.integrations.task import Integration, Job, Task
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json, TaskCall
from workflows.interpreter.payload import text_of

_STOP_SECONDS = 10.0


class ServiceTasks:
    """The interpreter's `Tasks`: every request becomes a call of the embedded AWS.

    Only what the embedded AWS really does is offered: its Glue, for one, says that jobs have run which have not.

    Parameters
    ----------
    calls
        Makes the calls.
    callbacks, activities
        Where tasks wait for whoever reports their end.
    """

    def __init__(self, calls: Calls, callbacks: Callbacks, activities: Activities) -> None:
        self._callbacks = callbacks
        self._activities = activities
        self._sdk = SdkIntegration(calls)
        self._function_arn = FunctionArnIntegration(calls)
        batch, executions = BatchIntegration(calls), ExecutionIntegration(calls)
        dynamodb = OptimizedIntegration(
            calls, "dynamodb", Wording("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException")
        )
        sns = OptimizedIntegration(calls, "sns", Wording("SNS", "AmazonSNS", "AmazonSNSException"))
        objects = ObjectIntegration(calls)
        self._optimized: dict[tuple[str, str], Integration] = {
            ("apigateway", "invoke"): RestIntegration(calls),
            ("batch", "submitJob"): batch,
            ("dynamodb", "deleteItem"): dynamodb,
            ("dynamodb", "getItem"): dynamodb,
            ("dynamodb", "putItem"): dynamodb,
            ("dynamodb", "updateItem"): dynamodb,
            ("events", "putEvents"): EventIntegration(calls),
            ("lambda", "invoke"): FunctionIntegration(calls),
            ("s3", "getObject"): objects,
            ("s3", "listObjectsV2"): objects,
            ("s3", "putObject"): objects,
            ("sns", "publish"): sns,
            ("sqs", "sendMessage"): QueueIntegration(calls),
            ("states", "startExecution"): executions,
        }
        self._jobs: dict[str, Job] = {"batch": batch, "states": executions}

    def check(self, call: TaskCall) -> None:
        """Fail what cannot be asked for at all before it is scheduled; see `ChecksRequests`."""
        task = Task.of(call)
        if task.resource.kind == "activity":
            self._check_activity(task)
            return
        if task.resource.pattern in ("sync", "sync:2"):
            self._job(task)
        self._integration(task).check(task)

    async def run(self, call: TaskCall) -> Json:
        """Do what the call's resource names; see `Tasks.run`."""
        task = Task.of(call)
        if task.resource.kind == "activity":
            return await self._hand_out(task)
        integration = self._integration(task)
        match task.resource.pattern:
            case "waitForTaskToken":
                return await self._until_reported(task, integration)
            case "sync" | "sync:2":
                return await self._until_done(task)
            case _:
                return await integration.request(task)

    def _integration(self, task: Task) -> Integration:
        match task.resource.kind:
            case "function":
                return self._function_arn
            case "aws-sdk":
                return self._sdk
            case _:
                found = self._optimized.get((task.resource.service, task.resource.action))
                if found is None:
                    raise task.impossible("it has no such integration.")
                return found

    def _job(self, task: Task) -> Job:
        job = self._jobs.get(task.resource.service) if task.resource.kind == "optimized" else None
        if job is None:
            raise task.impossible("it cannot wait for the jobs of this service.")
        return job

    def _check_activity(self, task: Task) -> None:
        if not self._activities.knows(task.resource.arn):
            raise StatesError("States.Runtime", f"The activity {task.resource.arn} does not exist.")

    async def _hand_out(self, task: Task) -> Json:
        """Wait until a worker of the activity has taken the task and reported its end."""
        self._check_activity(task)
        call, arn = task.call, task.resource.arn
        token = cast("str", call.token)
        with self._callbacks.expect(token, call.beat) as answer:
            self._activities.offer(arn, Work(token, text_of(call.arguments), call.started, answer.done))
            return await answer

    async def _until_reported(self, task: Task, integration: Integration) -> Json:
        # Whoever receives the token may report before the request that carries it has been answered.
        with self._callbacks.expect(cast("str", task.call.token), task.call.beat) as answer:
            task.call.submitted(await integration.request(task))
            return await answer

    async def _until_done(self, task: Task) -> Json:
        job = self._job(task)
        with self._callbacks.expect(cast("str", task.call.token), task.call.beat) as reported:
            # A request that is on its way when the task is cancelled may still start a job, which has to be stopped.
            request = asyncio.ensure_future(job.request(task))
            try:
                submitted = await asyncio.shield(request)
                task.call.submitted(submitted)
                return await _first_of(job.follow(task, submitted), reported)
            except asyncio.CancelledError:
                with contextlib.suppress(StatesError, TimeoutError):
                    await asyncio.wait_for(job.stop(task, await request), _STOP_SECONDS)
                raise


async def _first_of(work: Coroutine[Any, Any, Json], reported: asyncio.Future[Json]) -> Json:
    """Wait for the end of the job or for a report about the task, whichever comes first."""
    following = asyncio.ensure_future(work)
    try:
        await asyncio.wait({following, reported}, return_when=asyncio.FIRST_COMPLETED)
        return (following if following.done() else reported).result()
    finally:
        following.cancel()

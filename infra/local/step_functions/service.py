"""The Step Functions service of the embedded AWS: the interpreter in front of the emulator's state machines."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from infra.local.emulator import Emulator
from infra.local.step_functions import constraints
from infra.local.step_functions.actions.execution_actions import ExecutionActions
from infra.local.step_functions.actions.machine_actions import HandOn, MachineActions
from infra.local.step_functions.actions.map_run_actions import MapRunActions
from infra.local.step_functions.actions.state_tests import StateTests
from infra.local.step_functions.actions.version_actions import VersionActions
from infra.local.step_functions.actions.worker_actions import WorkerActions
from infra.local.step_functions.activities import Activities
from infra.local.step_functions.announcements import Announcements
from infra.local.step_functions.callbacks import Callbacks
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError, missing_machine
from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.dispatch import ServiceTasks
from infra.local.step_functions.machines import Machines
from infra.local.step_functions.roles import Roles
from infra.local.step_functions.store import INTERRUPTED, Store
from infra.local.wire import Handler, Request, Response, error_response, json_response

logger = logging.getLogger(__name__)

Action = Callable[[dict[str, Any]], Any]
"""Answers a request's members, at once or as a coroutine."""

KeptAction = Callable[[dict[str, Any], HandOn], Awaitable[dict[str, Any]]]
"""Answers a request about what the emulator keeps, and may ask the emulator."""


class StepFunctions:
    """The service, bound to an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._machines = Machines(emulator.state_machines.records)
        self._store = Store()
        self._activities = Activities()
        callbacks = Callbacks()
        self._calls = Calls(emulator.url, Roles(emulator.identities).assume)
        tasks = ServiceTasks(self._calls, callbacks, self._activities)
        self._announcements = Announcements(emulator.services, emulator.state_machines)
        self._engine = Engine(tasks, self._store, self._announcements.ended)
        self._executions = ExecutionActions(self._machines, self._store, self._engine, self._announcements)
        machines, versions = MachineActions(self._machines, self._store), VersionActions(self._machines)
        self._kept_by_emulator: dict[str, KeptAction] = {
            "CreateStateMachine": machines.create,
            "CreateStateMachineAlias": versions.create_alias,
            "DeleteStateMachine": machines.delete,
            "DeleteStateMachineVersion": versions.delete,
            "DescribeStateMachine": machines.describe,
            "ListStateMachineAliases": versions.list_aliases,
            "PublishStateMachineVersion": versions.publish,
            "TagResource": machines.tag,
            "UpdateStateMachine": machines.update,
            "UpdateStateMachineAlias": versions.update_alias,
        }
        map_runs = MapRunActions(self._store, self._engine)
        self._workers = WorkerActions(callbacks, self._activities, self._engine)
        self._state_tests = StateTests(tasks, self._engine)
        self._actions: dict[str, Action] = {
            "DeleteActivity": self._workers.delete_activity,
            "DescribeActivity": self._workers.describe_activity,
            "DescribeExecution": self._executions.describe,
            "DescribeMapRun": map_runs.describe,
            "DescribeStateMachineForExecution": machines.of_execution,
            "GetActivityTask": self._workers.activity_task,
            "GetExecutionHistory": self._executions.history,
            "ListExecutions": self._executions.list,
            "ListMapRuns": map_runs.list,
            "ListStateMachines": machines.list,
            "RedriveExecution": self._executions.redrive,
            "SendTaskFailure": self._workers.fail,
            "SendTaskHeartbeat": self._workers.heartbeat,
            "SendTaskSuccess": self._workers.succeed,
            "StartExecution": self._executions.start,
            "StartSyncExecution": self._executions.start_sync,
            "StopExecution": self._executions.stop,
            "UpdateMapRun": map_runs.update,
            "ValidateStateMachineDefinition": machines.validate,
        }

    async def answer(self, request: Request, hand_on: Handler) -> Response:
        """Answer a request; the emulator answers those that are not ours, e.g. about tags."""
        try:
            members = request.json()
        except ValueError:
            return error_response("SerializationException", "The request body is not a JSON object.")
        try:
            return await self._answer(request, members, hand_on)
        except ApiError as refusal:
            return error_response(refusal.code, refusal.message)

    def start_for_service(self, members: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Start an execution for another service (EventBridge, pipes), in the scope of its account."""
        try:
            response = json_response(self._executions.start(members))
        except ApiError as refusal:
            response = error_response(refusal.code, refusal.message)
            logger.warning("an execution could not be started: %s", refusal)
        return response.status, response.headers, response.body

    def save(self) -> dict[str, Any]:
        """Return what survives a restart."""
        return self._engine.call(lambda: {"executions": self._store.save(), "activities": self._activities.save()})

    def load(self, saved: dict[str, Any]) -> None:
        """Take back what `save` returned."""
        self._store.load(saved["executions"])
        self._activities.load(saved["activities"])

    def reset(self) -> None:
        """Forget everything; what runs is aborted."""
        self._abort_all("The embedded AWS was reset.")
        self._store.clear()
        self._activities.clear()

    def stop(self) -> None:
        """Abort what runs, with the jobs that it waits for, and end the threads."""
        self._abort_all(INTERRUPTED)
        self._announcements.close()
        self._calls.close()
        self._engine.close()

    async def _answer(self, request: Request, members: dict[str, Any], hand_on: Handler) -> Response:
        action = request.action
        with contextlib.suppress(KeyError):  # an operation that the model does not know is the emulator's to refuse
            constraints.check(action, members)

        async def ask_emulator(changed: dict[str, Any]) -> dict[str, Any]:
            return _outcome(await hand_on(replace(request, body=json.dumps(changed).encode())), changed)

        if (kept := self._kept_by_emulator.get(action)) is not None:
            return json_response(await kept(members, ask_emulator))
        match action:
            case "CreateActivity":
                return json_response(self._workers.create_activity(members, request.account, request.region))
            case "ListActivities":
                return json_response(self._workers.list_activities(members, request.account, request.region))
            case "TestState":
                return json_response(await self._state_tests.test(members, request.account, request.region))
        handler = self._actions.get(action)
        if handler is None:
            return await hand_on(request)
        answer = handler(members)
        return json_response(await answer if inspect.isawaitable(answer) else answer)

    def _abort_all(self, cause: str) -> None:
        aborts = [self._engine.submit(self._engine.abort(record, None, cause)) for record in self._store.running()]
        for abort in aborts:
            abort.result()


def _outcome(response: Response, request: dict[str, Any]) -> dict[str, Any]:
    """Read the emulator's answer; raise its refusal in AWS's words."""
    answer: dict[str, Any] = json.loads(response.body or b"{}")
    if response.status < 300:
        return answer
    code = str(answer.get("__type", "InternalFailure")).rpartition("#")[2]
    if code == "StateMachineDoesNotExist":
        raise missing_machine(str(request.get("stateMachineArn")))
    raise ApiError(code, str(answer.get("message", "")))

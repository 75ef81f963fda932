"""The Step Functions service of the embedded AWS: the interpreter in front of the emulator's state machines."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.local.emulator import Emulator
from infra.local.step_functions import arns, constraints
from infra.local.step_functions.actions.caller import Caller
from infra.local.step_functions.actions.execution_actions import ExecutionActions
from infra.local.step_functions.actions.machine_actions import MachineActions
from infra.local.step_functions.actions.map_run_actions import MapRunActions
from infra.local.step_functions.actions.state_tests import StateTests
from infra.local.step_functions.actions.tag_actions import TagActions
from infra.local.step_functions.actions.version_actions import VersionActions
from infra.local.step_functions.actions.worker_actions import WorkerActions
from infra.local.step_functions.activities import Activities
from infra.local.step_functions.announcements import Announcements
from infra.local.step_functions.callbacks import Callbacks
from infra.local.step_functions.deletions import Deletions
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError, missing_machine
from infra.local.step_functions.integrations.calls import Calls
from infra.local.step_functions.integrations.dispatch import ServiceTasks
from infra.local.step_functions.machines import Machines
from infra.local.step_functions.roles import Roles
from infra.local.step_functions.settings import Settings
from infra.local.step_functions.store import INTERRUPTED, Store
from infra.local.step_functions.tags import Tags
from infra.local.wire import Handler, Request, Response, error_response, json_response

logger = logging.getLogger(__name__)

Action = Callable[[dict[str, Any]], Any]
"""Answers a request's members, at once or as a coroutine."""

CallersAction = Callable[[dict[str, Any], Caller], Any]
"""Answers in the light of who calls, at once or as a coroutine."""


class StepFunctions:
    """The service, bound to an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._machines = Machines(emulator.state_machines.records)
        self._store = Store()
        self._activities = Activities()
        tags = Tags(emulator.state_machines.records.tags)
        roles = Roles(emulator.identities)
        settings = Settings(emulator.services, roles)
        callbacks = Callbacks()
        self._calls = Calls(emulator.url, roles.assume)
        tasks = ServiceTasks(self._calls, callbacks, self._activities)
        self._announcements = Announcements(emulator.services, emulator.state_machines)
        self._engine = Engine(tasks, self._store, self._announcements.ended)
        self._deletions = Deletions(emulator.services, self._machines, self._store, tags)
        self._executions = ExecutionActions(self._machines, self._store, self._engine, self._announcements)
        machines = MachineActions(self._machines, self._store, settings, tags, self._deletions)
        versions = VersionActions(self._machines, self._store)
        workers = WorkerActions(callbacks, self._activities, self._engine, settings, tags)
        map_runs = MapRunActions(self._store, self._engine)
        tagging = TagActions(tags, self._machines, self._activities)
        self._callers_actions: dict[str, CallersAction] = {
            "CreateActivity": workers.create_activity,
            "CreateStateMachine": machines.create,
            "DeleteStateMachineVersion": versions.delete,
            "DescribeStateMachine": machines.describe,
            "ListActivities": workers.list_activities,
            "PublishStateMachineVersion": versions.publish,
            "TagResource": tagging.tag,
            "TestState": StateTests(tasks, self._engine).test,
            "UpdateStateMachine": machines.update,
        }
        self._actions: dict[str, Action] = {
            "CreateStateMachineAlias": versions.create_alias,
            "DeleteActivity": workers.delete_activity,
            "DeleteStateMachine": machines.delete,
            "DeleteStateMachineAlias": versions.delete_alias,
            "DescribeActivity": workers.describe_activity,
            "DescribeExecution": self._executions.describe,
            "DescribeMapRun": map_runs.describe,
            "DescribeStateMachineAlias": versions.describe_alias,
            "DescribeStateMachineForExecution": machines.of_execution,
            "GetActivityTask": workers.activity_task,
            "GetExecutionHistory": self._executions.history,
            "ListExecutions": self._executions.list,
            "ListMapRuns": map_runs.list,
            "ListStateMachineAliases": versions.list_aliases,
            "ListStateMachineVersions": versions.list,
            "ListStateMachines": machines.list,
            "ListTagsForResource": tagging.list,
            "RedriveExecution": self._executions.redrive,
            "SendTaskFailure": workers.fail,
            "SendTaskHeartbeat": workers.heartbeat,
            "SendTaskSuccess": workers.succeed,
            "StartExecution": self._executions.start,
            "StartSyncExecution": self._executions.start_sync,
            "StopExecution": self._executions.stop,
            "UntagResource": tagging.untag,
            "UpdateMapRun": map_runs.update,
            "UpdateStateMachineAlias": versions.update_alias,
            "ValidateStateMachineDefinition": machines.validate,
        }

    async def answer(self, request: Request, hand_on: Handler) -> Response:
        """Answer a request. `hand_on` lets the emulator answer for what it keeps."""
        try:
            body = request.json()
        except ValueError:
            return error_response("SerializationException", "The request body is not a JSON object.")

        async def ask_emulator(members: dict[str, Any]) -> dict[str, Any]:
            return _outcome(await hand_on(replace(request, body=json.dumps(members).encode())), members)

        try:
            members = constraints.read(request.action, body)
            arns.check(members, request.action, request.account, request.region)
            self._deletions.settle()
            # The embedded AWS's own services call without a key, or with the account's number as their key.
            of_aws = request.access_key in ("", request.account)
            caller = Caller(request.account, request.region, of_aws, ask_emulator)
            return json_response(await self._answer(request.action, members, caller))
        except ApiError as refusal:
            return error_response(refusal.code, refusal.message, refusal.status)

    def start_for_service(self, members: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Start an execution for another service (EventBridge, pipes), in the scope of its account."""
        try:
            response = json_response(self._executions.start(constraints.read("StartExecution", members)))
        except ApiError as refusal:
            response = error_response(refusal.code, refusal.message)
            logger.warning("an execution could not be started: %s", refusal)
        return response.status, response.headers, response.body

    def save(self) -> dict[str, Any]:
        """Return what survives a restart."""
        return self._engine.call(
            lambda: {
                "executions": self._store.save(),
                "activities": self._activities.save(),
                "deletions": self._deletions.save(),
            }
        )

    def load(self, saved: dict[str, Any]) -> None:
        """Take back what `save` returned."""
        self._store.load(saved["executions"])
        self._activities.load(saved["activities"])
        self._deletions.load(saved.get("deletions", ()))

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

    async def _answer(self, action: str, members: dict[str, Any], caller: Caller) -> Any:
        if (callers_action := self._callers_actions.get(action)) is not None:
            answer = callers_action(members, caller)
        else:
            answer = self._actions[action](members)
        return await answer if inspect.isawaitable(answer) else answer

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

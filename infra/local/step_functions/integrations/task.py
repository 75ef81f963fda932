"""One request for work, as integrations receive it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.local.step_functions.integrations.calls import Identity
from infra.local.step_functions.integrations.resource import Resource
from infra.local.step_functions.integrations.shapes import Naming, UnfitArgumentError, to_request
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json, TaskCall
from workflows.interpreter.payload import text_of


@dataclass(frozen=True, slots=True)
class Task:
    """A call of the interpreter, with its resource taken apart and the identity that it acts with."""

    call: TaskCall
    resource: Resource
    identity: Identity

    @classmethod
    def of(cls, call: TaskCall) -> Task:
        """Take a call of the interpreter apart."""
        execution = call.context["Execution"]
        credentials = call.credentials or {}
        identity = Identity(execution["RoleArn"], execution["Id"].split(":")[3], credentials.get("RoleArn"))
        return cls(call, Resource.parse(call.resource), identity)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments, which must be a JSON object.

        Raises
        ------
        StatesError
            ``States.Runtime``.
        """
        if not isinstance(self.call.arguments, Mapping):
            raise self.unfit(UnfitArgumentError("The Parameters must be a JSON object"))
        return self.call.arguments

    def unfit(self, problem: UnfitArgumentError) -> StatesError:
        """Say that the arguments do not fit the call."""
        arguments = text_of(self.call.arguments)
        return StatesError(
            "States.Runtime", f"The Parameters '{arguments}' could not be used to start the Task: [{problem}]"
        )

    def request_for(self, operation: Any, arguments: Mapping[str, Any], naming: Naming, *, scalars: bool) -> Any:
        """Turn arguments into what botocore takes for `operation`; see `to_request`.

        Raises
        ------
        StatesError
            ``States.Runtime``, if a member is unknown, a required one is missing or one has the wrong type.
        """
        shape = operation.input_shape
        known = [naming(name) for name in shape.members] if shape else []
        required = [naming(name) for name in shape.required_members] if shape else []
        problems = [f"The field '{name}' is required but was missing" for name in required if name not in arguments]
        problems += [
            f"The field '{name}' is not supported by Step Functions" for name in arguments if name not in known
        ]
        if problems:
            raise self.unfit(UnfitArgumentError(", ".join(problems)))
        try:
            return to_request(shape, arguments, naming, texts_take_scalars=scalars) if shape else {}
        except UnfitArgumentError as problem:
            raise self.unfit(problem) from problem

    def impossible(self, reason: str) -> StatesError:
        """Say that the embedded AWS does not do what the resource names; no Catch hides it."""
        return StatesError("States.Runtime", f"The embedded AWS does not run {self.resource.arn}: {reason}")


class Integration(Protocol):
    """How a service is asked for work."""

    def check(self, task: Task) -> None:
        """Look, without asking the service, whether the request can be made at all.

        Raises
        ------
        StatesError
            ``States.Runtime``.
        """
        ...

    async def request(self, task: Task) -> Json:
        """Ask, and return the answer as the history shows it.

        Raises
        ------
        StatesError
            If the service refuses.
        """
        ...


class Job(Integration, Protocol):
    """An integration whose work goes on after the answer (`.sync`)."""

    async def follow(self, task: Task, submitted: Json) -> Json:
        """Wait until the work that `request` answered is done, and return its description.

        Raises
        ------
        StatesError
            If the work failed.
        """
        ...

    async def stop(self, task: Task, submitted: Json) -> None:
        """Stop the work."""
        ...

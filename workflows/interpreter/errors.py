"""What can go wrong in a workflow, as Step Functions names it."""

from __future__ import annotations


class InterpreterError(Exception):
    """Base of every error that the interpreter raises on purpose."""


class StatesError(InterpreterError):
    """A failure inside an execution: what Retry and Catch match on.

    Parameters
    ----------
    error
        The error's name, e.g. ``States.Runtime``, ``States.TaskFailed`` or a task's own name. A Fail state
        may leave it out.
    cause
        The explanation, without the sentence that Step Functions puts before the causes of its own errors
        ("An error occurred while executing the state …"): only the engine knows the state and its event id.
    """

    def __init__(self, error: str | None, cause: str | None = None) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.error}: {self.cause}" if self.cause else str(self.error)


class InvalidDefinition(InterpreterError):
    """A definition that CreateStateMachine refuses, with the message that it answers."""

    code = "InvalidDefinition"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

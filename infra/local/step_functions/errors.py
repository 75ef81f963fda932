"""Errors that the Step Functions API answers, worded as AWS words them."""

from __future__ import annotations

from infra.local.errors import LocalError


class ApiError(LocalError):
    """A call that the API refuses.

    Parameters
    ----------
    code
        AWS's error code, e.g. ``ExecutionDoesNotExist``.
    message
        AWS's message.
    status
        HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid_arn(reason: str) -> ApiError:
    """Refuse an ARN; `reason` is AWS's, e.g. ``Invalid ARN prefix: x``."""
    return ApiError("InvalidArn", f"Invalid Arn: '{reason}'")


def missing_machine(arn: str) -> ApiError:
    """Refuse the ARN of a state machine, version or alias that is not there."""
    return ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def missing_execution(arn: str) -> ApiError:
    """Refuse the ARN of an execution that is not there."""
    return ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def invalid(problem: str) -> ApiError:
    """Refuse members that do not go together."""
    return ApiError("ValidationException", problem)


def deleting_machine(arn: str) -> ApiError:
    """Refuse what needs a state machine that is being deleted."""
    return ApiError("StateMachineDeleting", f"State Machine is deleting: '{arn}'")


def quota_exceeded(problem: str) -> ApiError:
    """Refuse one more of what a state machine can have."""
    return ApiError("ServiceQuotaExceededException", problem, 402)


def missing_reference() -> ApiError:
    """Refuse an alias, or a route to a version, that is not there."""
    return ApiError("ResourceNotFound", "Request references a resource that does not exist.")


def missing_resource(arn: str) -> ApiError:
    """Refuse the ARN of a Map Run, or of something to be tagged, that is not there."""
    return ApiError("ResourceNotFound", f"Resource not found: '{arn}'")


def missing_activity(arn: str) -> ApiError:
    """Refuse the ARN of an activity that is not there."""
    return ApiError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


def unsupported_type() -> ApiError:
    """Refuse an operation that STANDARD or EXPRESS state machines do not have."""
    return ApiError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")

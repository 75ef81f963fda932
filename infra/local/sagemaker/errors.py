"""Errors of the embedded SageMaker."""

from typing import Any

from infra.local.errors import LocalError


class SageMakerError(LocalError):
    """Base of the errors that this package raises."""


class ApiError(SageMakerError):
    """An error that SageMaker answers with.

    Parameters
    ----------
    code
        As boto3 knows it, e.g. ``ValidationException``.
    message
        AWS's words where they are known.
    status
        HTTP status.
    members
        Further members of the error's shape, e.g. ``OriginalStatusCode``.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = members


class ValidationError(ApiError):
    """The control plane's refusal of a request: ``ValidationException``."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class NotEmulatedError(ValidationError):
    """A request that AWS might accept and that would not be honoured here."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The embedded SageMaker does not emulate {what}.")


class DeploymentFailedError(SageMakerError):
    """Instances could not be brought into service; the message is the endpoint's ``FailureReason``."""


class InstanceLostError(SageMakerError):
    """An instance ended, or closed the connection, before it answered.

    Attributes
    ----------
    in_work
        It may have begun to work on the request; otherwise another instance can be asked.
    """

    def __init__(self, message: str, *, in_work: bool) -> None:
        super().__init__(message)
        self.in_work = in_work

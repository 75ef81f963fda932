"""Errors of the embedded Application Auto Scaling."""

from infra.local.errors import LocalError


class ScalingError(LocalError):
    """Base of the errors that this package raises."""


class ApiError(ScalingError):
    """An error that Application Auto Scaling answers with.

    Parameters
    ----------
    code
        As boto3 knows it, e.g. ``ObjectNotFoundException``.
    message
        AWS's words where they are known.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ValidationError(ApiError):
    """A request that is refused with ``ValidationException``."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class NotEmulatedError(ValidationError):
    """A request that AWS might accept and that would not be honoured here."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The embedded Application Auto Scaling does not emulate {what}.")


class NotScaledError(ScalingError):
    """The number of instances could not be changed; the message becomes the activity's."""

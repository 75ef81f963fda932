"""Errors of the embedded AWS Batch."""

from infra.local.errors import LocalError


class BatchError(LocalError):
    """Base of the errors that this package raises."""


class RequestRefusedError(BatchError):
    """A request that AWS Batch would answer with ``ClientException``, or one that is not emulated.

    Parameters
    ----------
    message
        AWS's words where they are known.
    """


class TaskNotStartedError(BatchError):
    """An attempt could not be started; the job fails with ``Task failed to start``.

    Parameters
    ----------
    reason
        What becomes the container's `reason`, beginning with the name that Amazon ECS gives the error, e.g.
        ``CannotPullContainerError: …`` (Amazon ECS developer guide, "Stopped task error messages").
    """

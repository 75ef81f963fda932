"""What can go wrong in a job, beyond what can go wrong in a task."""

from __future__ import annotations

from tasks.errors import TaskError


class JobError(TaskError):
    """Base of the errors that only jobs raise."""


class ExampleDataMissing(JobError):
    """The example's data is not installed."""


class NothingToLearn(JobError):
    """The chosen months hold no usable labelled rows."""

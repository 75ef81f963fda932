"""What can go wrong in a job, beyond what can go wrong in a task."""

from __future__ import annotations

from tasks.errors import TaskError


class JobError(TaskError):
    """Base of the errors that only jobs raise."""


class ExampleDataMissing(JobError):
    """The example's data is not installed."""


class NothingToLearn(JobError):
    """The chosen months hold no usable labelled rows."""


class NoProbability(JobError):
    """The model gives a row that fits its signature no number from 0 to 1.

    Parameters
    ----------
    place
        Of the row among those that were to be scored, 0-based.
    what
        What it does instead.
    """

    def __init__(self, place: int, what: str) -> None:
        super().__init__(f"the model gives no probability for row {place} of those that were scored together: {what}")
        self.place, self.what = place, what

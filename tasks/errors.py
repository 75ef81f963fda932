"""What can go wrong in a task, by name.

Workflows match on the class names (`Retry`, `Catch`), and a person reads the messages: each says what is wrong and
what would be right.
"""

from __future__ import annotations


class TaskError(Exception):
    """Base of every error that a task raises on purpose."""


class SettingsError(TaskError):
    """The environment of the process lacks a setting or holds a bad one."""


class ServiceUnavailable(TaskError):
    """A service throttled, timed out or could not be reached; the same call may succeed later."""


class AccessRefused(TaskError):
    """AWS refused the call: the role lacks a permission, or the credentials are not valid."""


class InvalidRunRequest(TaskError):
    """The input of a run has an unknown key or a bad value."""


class RunIdConflict(TaskError):
    """The run id was used before for another request."""


class NoInputFound(TaskError):
    """The bucket does not exist, or nothing to score lies below the prefix."""


class UnsupportedObject(TaskError):
    """An object below the prefix is in no format that can be scored."""


class InputChanged(TaskError):
    """An object was replaced or removed after it was planned."""


class UnreadableObject(TaskError):
    """An object is not what its name says, so that not even its rows can be told apart."""


class PlanMissing(TaskError):
    """The manifest of a run is not in its folder."""


class NoSuchVersion(TaskError):
    """The model version is not registered, or none is active."""


class VersionExists(TaskError):
    """The model version is registered already, with another artifact."""


class ArtifactMissing(TaskError):
    """The registry names an artifact that is not there."""


class ArtifactTampered(TaskError):
    """The bytes of the artifact are not those that were registered."""


class UnsupportedModel(TaskError):
    """The model uses something that our scorers do not evaluate."""


class InvalidSignature(TaskError):
    """The signature of a model contradicts itself or its model."""


class TotalsDisagree(TaskError):
    """Rows are not predictions plus quarantined rows: a defect of this program; nothing was published."""


class NoSpaceForResults(TaskError):
    """The disk has no room for the shard's results."""


class ItemsRefused(TaskError):
    """DynamoDB refused the items of a batch for a reason that a retry does not mend."""

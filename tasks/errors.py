"""What can go wrong in a task, by name.

Workflows match on the class names (`Retry`, `Catch`), and a person reads the messages: each says what is wrong and
what would be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: What is no feature's name may be of any length.
_LONGEST_FIELD = 100


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
    """The bucket does not exist, or nothing to score lies below the prefix that a person gave."""


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


class InvalidRegistration(TaskError):
    """What is, or is to be, registered of a model version is not of the form that the registry keeps."""


class RegistrationTooLarge(TaskError):
    """What is to be registered of a model version, without signature and statistics, does not fit into a parameter."""


class ArtifactMissing(TaskError):
    """The registry names an artifact, a signature or statistics that are not there."""


class ArtifactTampered(TaskError):
    """The bytes of the artifact, the signature or the statistics are not those that were registered."""


class UnsupportedModel(TaskError):
    """The model uses something that our scorers do not evaluate."""


class InvalidSignature(TaskError):
    """The signature of a model contradicts itself or its model."""


class GoldenRecordsDiffer(TaskError):
    """The model does not give its golden records the scores that they are registered with, or has none."""


class TotalsDisagree(TaskError):
    """Rows are not predictions plus quarantined rows: a defect of this program; nothing was published."""


class NoSpaceForResults(TaskError):
    """The disk has no room for the shard's results."""


class ItemsRefused(TaskError):
    """DynamoDB refused the items of a batch for a reason that a retry does not mend."""


@dataclass(frozen=True)
class RecordError:
    """What is wrong with a request: with which record (0-based), with which field; None where it is no single one."""

    record: int | None
    field: str | None
    message: str

    def to_json(self) -> dict[str, int | str | None]:
        """The form in which callers get it."""
        return {"record": self.record, "field": self.shown_field, "message": self.message}

    def __str__(self) -> str:
        place = None if self.record is None else f"record {self.record}"
        return ": ".join(part for part in (place, self.shown_field, self.message) if part is not None)

    @property
    def shown_field(self) -> str | None:
        """The field's name, shortened."""
        return None if self.field is None else self.field[:_LONGEST_FIELD]


class InvalidRequest(TaskError):
    """A request to the API is not of the form that it takes.

    `errors` say what is wrong, at least one.
    """

    def __init__(self, errors: Sequence[RecordError]) -> None:
        more = f" (and {len(errors) - 1:,} more)" if len(errors) > 1 else ""
        super().__init__(f"{errors[0]}{more}")
        self.errors = errors


class InvalidRecords(InvalidRequest):
    """Records of a request do not fit the model's signature; nothing was predicted."""


class RecordsTooLarge(InvalidRecords):
    """Records of a request are larger, each for itself, than the endpoint takes; nothing was predicted."""


class UnsupportedMediaType(TaskError):
    """The body of a request is not declared to be JSON."""


class MethodNotAllowed(TaskError):
    """The API does not have the method."""


class EndpointUnavailable(ServiceUnavailable):
    """The endpoint throttled, timed out, failed or has no model ready; the same call may succeed later."""


class EndpointRefused(TaskError):
    """The endpoint does not take the request, for a reason that a retry does not mend."""


class EndpointAnswerInvalid(TaskError):
    """The endpoint answered something else than one prediction for each record."""


class VersionNotServed(TaskError):
    """No variant of the endpoint serves the model version, or not any more."""


class PreprocessingUnavailable(ServiceUnavailable):
    """The function `preprocess` was throttled, died or could not be reached; the same call may succeed later."""


class PreprocessingFailed(TaskError):
    """The function `preprocess` does not take the records, or answers something else than what becomes of them."""


class InvalidShipment(TaskError):
    """What is shipped with a deployment is not the model version that the deployment names."""


class InvalidOutcomes(TaskError):
    """An object of outcomes is not of the form that outcomes have."""


class InvalidDeployment(TaskError):
    """What is asked of a deployment, rollback or shift has an unknown key or a bad value, or makes no sense now."""


class DeploymentInProgress(TaskError):
    """Another execution is changing what the endpoint serves."""


class EndpointBusy(ServiceUnavailable):
    """The endpoint is being updated; until that ends nothing can be planned or changed."""


class NothingToRollBackTo(TaskError):
    """No other version was active before."""


class SmokeTestFailed(TaskError):
    """The variant does not give the golden records of its model the promised scores."""

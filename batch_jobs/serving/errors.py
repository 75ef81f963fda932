"""Why a request gets no predictions, and why a model is not served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batch_jobs.errors import JobError


class ModelDirectoryIncomplete(JobError):
    """The directory holds no model that can be served."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one field of a record (0-based), or with the whole record if `field` is None."""

    record: int
    field: str | None
    message: str

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"record": self.record, "field": self.field, "message": self.message}


class RequestRefused(Exception):
    """The request gets no predictions, mostly by its own fault.

    Parameters
    ----------
    status
        HTTP status, 4xx; 503 if the time is at fault, 500 if the model is.
    name
        For programs, such as `InvalidRecords`.
    message
        For the person who sent it.
    complaints
        What is wrong with which record.
    """

    def __init__(self, status: int, name: str, message: str, complaints: list[Complaint] | None = None) -> None:
        super().__init__(message)
        self.status, self.name, self.complaints = status, name, complaints or []

    def to_json(self) -> dict[str, Any]:
        """As JSON; `errors` only where records are at fault."""
        document: dict[str, Any] = {"error": self.name, "message": str(self)}
        return document | ({"errors": [each.to_json() for each in self.complaints]} if self.complaints else {})

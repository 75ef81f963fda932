"""What is wrong with the records of a request, by record and field."""

from __future__ import annotations

from typing import Any

import numpy as np

from batch_jobs.serving.errors import Complaint
from tasks.records.check import check, rows_from_records
from tasks.records.features import Matrix, feature_matrix
from tasks.records.signature import Signature


def examine(records: list[Any], signature: Signature) -> tuple[Matrix | None, list[Complaint]]:
    """Check records of which nothing is known, not even that they are objects.

    Returns
    -------
    The features float64[n, k], or None if anything is wrong; and everything that is wrong, in the order of records.
    """
    complaints = [
        Complaint(place, None, "a record is a JSON object of fields and values")
        for place, record in enumerate(records)
        if not isinstance(record, dict)
    ]
    names = set(signature.names)
    objects = [(place, record) for place, record in enumerate(records) if isinstance(record, dict)]
    complaints += [
        Complaint(place, field, "the model has no such feature")
        for place, record in objects
        for field in record
        if field not in names
    ]
    places = np.array([place for place, _ in objects], np.int64)
    checked = check(rows_from_records(places, [record for _, record in objects], signature), signature)
    complaints += [Complaint(row.row, flaw.field, flaw.complaint) for row in checked.bad for flaw in row.flaws]
    if complaints:
        return None, sorted(complaints, key=lambda complaint: complaint.record)
    return feature_matrix(checked.columns, signature), []

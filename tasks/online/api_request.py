"""Requests of the API, from API Gateway's proxy event to records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tasks.errors import InvalidRecords, InvalidRequest, MethodNotAllowed, RecordError, UnsupportedMediaType
from tasks.json_text import parse_json, unfit_for_storage
from tasks.records.cleaning import clean, clean_texts, unknown_fields
from tasks.records.signature import Signature

_JSON = "application/json"


@dataclass(frozen=True)
class ApiRequest:
    """Records that a caller wants to have predicted.

    `single` tells a GET, whose one record has its values as text, from a POST, whose records have them as JSON.
    """

    single: bool
    records: Sequence[Mapping[str, Any]]

    @classmethod
    def parse(cls, event: Mapping[str, Any], most_records: int) -> ApiRequest:
        """Read an event of API Gateway's Lambda proxy integration, payload version 1.0.

        Parameters
        ----------
        most_records
            How many records a POST may hold.

        Raises
        ------
        InvalidRequest
            If the query or the body is not of the form that the API takes.
        UnsupportedMediaType
            If a body is not declared to be JSON.
        MethodNotAllowed
            If it is neither GET nor POST.
        """
        method = event["httpMethod"]
        if method == "GET":
            return cls(single=True, records=[_query(event.get("multiValueQueryStringParameters") or {})])
        if method == "POST":
            _require_json(event.get("headers") or {})
            return cls(single=False, records=_records(_body(event), most_records))
        raise MethodNotAllowed(f"there is no {method} here; allowed are GET and POST")

    def cleaned(self, signature: Signature) -> list[dict[str, float | str | None]]:
        """The records as the endpoint takes them.

        Raises
        ------
        InvalidRecords
            If any record has an unknown field, or does not pass the check; with every error of every record.
        """
        outcome = (clean_texts if self.single else clean)(self.records, signature)
        errors = list(chain(unknown_fields(self.records, signature), outcome.errors()))
        if errors:
            raise InvalidRecords(sorted(errors, key=lambda error: error.record or 0))
        return outcome.records


def _query(parameters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    if complaint := unfit_for_storage(parameters):
        raise InvalidRequest([RecordError(0, None, f"the query {complaint}")])
    errors = [
        RecordError(0, name, f"the parameter is there {len(values)} times; give one value")
        for name, values in parameters.items()
        if len(values) != 1
    ]
    if errors:
        raise InvalidRequest(errors)
    return {name: values[0] for name, values in parameters.items()}


def _require_json(headers: Mapping[str, str]) -> None:
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    if [kind.partition(";")[0].strip().lower() for kind in kinds] != [_JSON]:
        raise UnsupportedMediaType(f"the content type must be {_JSON}")


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest([RecordError(None, None, f"the body is not Base64: {error}")]) from error


def _records(body: bytes, most: int) -> list[dict[str, Any]]:
    form = f'{{"records": [1 to {most} objects]}}'
    if not body.strip():
        raise InvalidRequest([RecordError(None, None, f"the request has no body; it must be {form}")])
    try:
        document = parse_json(body)
    except ValueError as error:
        raise InvalidRequest([RecordError(None, None, f"the body is not JSON: {error}")]) from error
    if complaint := unfit_for_storage(document):
        raise InvalidRequest([RecordError(None, None, f"the body {complaint}")])
    if not isinstance(document, dict):
        raise InvalidRequest([RecordError(None, None, f"the body is JSON, but not an object; it must be {form}")])
    errors = [
        RecordError(None, name, "not a key of the body; allowed is records") for name in document if name != "records"
    ]
    records = document.get("records")
    if not isinstance(records, list) or not 1 <= len(records) <= most:
        found = f"{len(records):,} records" if isinstance(records, list) else "no array"
        errors.append(RecordError(None, "records", f"must be an array of 1 to {most} objects, and is {found}"))
    else:
        errors += [
            RecordError(place, None, "the record is not an object")
            for place, record in enumerate(records)
            if not isinstance(record, dict)
        ]
    if errors or not isinstance(records, list):
        raise InvalidRequest(errors)
    return records

"""EventBridge takes events one by one: what is wrong with one does not keep the others (API reference, "PutEvents")."""

import dataclasses
import json
from typing import Any

from infra.local.wire import Handler, Request, Response, json_response

_MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


async def set_malformed_events_aside(request: Request, events: Handler) -> Response:
    """Hand on the events of PutEvents whose detail is a JSON object, and say which are not.

    Symptom: the emulator takes any text for a detail, and rules never match it.
    """
    entries = _entries(request)
    malformed = {place for place, entry in enumerate(entries) if _is_malformed(entry.get("Detail"))}
    if not malformed:
        return await events(request)
    good = [entry for place, entry in enumerate(entries) if place not in malformed]
    put: list[dict[str, Any]] = []
    if good:
        response = await events(
            dataclasses.replace(request, body=json.dumps({**request.json(), "Entries": good}).encode())
        )
        if response.status != 200:
            return response
        put = json.loads(response.body)["Entries"]
    rest = iter(put)
    told = [_MALFORMED if place in malformed else next(rest) for place in range(len(entries))]
    failed = sum("ErrorCode" in entry for entry in told)
    return json_response({"FailedEntryCount": failed, "Entries": told}, content_type="application/x-amz-json-1.1")


def _entries(request: Request) -> list[dict[str, Any]]:
    if request.action != "PutEvents":
        return []
    try:
        entries = request.json().get("Entries") or []
    except ValueError:
        return []
    return [entry for entry in entries if isinstance(entry, dict)]


def _is_malformed(detail: Any) -> bool:
    if not detail:
        return False  # the service says that it is missing
    try:
        return not isinstance(json.loads(detail), dict)
    except (TypeError, ValueError):
        return True

"""Which entries the List operations show, in which order, and their pages.

Facts: Amazon SageMaker API reference, "ListModels", "ListEndpointConfigs", "ListEndpoints": the newest first by
default; ten entries a page by default, 100 at most.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from infra.local.sagemaker.errors import ValidationError

Record = dict[str, Any]

_DEFAULT_PAGE = 10


def page(member: str, name: str, entries: Iterable[Record], request: Record) -> Record:
    """Return the page that a request asks for.

    Parameters
    ----------
    member
        Of the answer, e.g. ``Models``.
    name
        Member of an entry with its name, e.g. ``ModelName``.
    entries
        All of them, in the order of their creation.
    request
        With SageMaker's filters (``NameContains``, ``CreationTimeAfter``, ``StatusEquals`` …), order and page.

    Raises
    ------
    ValidationError
        If the token is not one of ours.
    """
    found = [entry for entry in entries if _matches(entry, name, request)]
    keys = {"Name": name, "Status": "EndpointStatus"}
    by: str = request.get("SortBy", "CreationTime")
    key = keys.get(by, by)
    found.sort(key=lambda entry: entry[key])
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    start = _start(request["NextToken"]) if request.get("NextToken") else 0
    stop = start + request.get("MaxResults", _DEFAULT_PAGE)
    following = {"NextToken": base64.b64encode(str(stop).encode()).decode()} if stop < len(found) else {}
    return {member: found[start:stop], **following}


def _matches(entry: Record, name: str, request: Record) -> bool:
    never, always = float("-inf"), float("inf")
    return (
        request.get("NameContains", "").lower() in entry[name].lower()
        and request.get("StatusEquals", entry.get("EndpointStatus")) == entry.get("EndpointStatus")
        and all(
            request.get(f"{time}After", never) <= entry.get(time, 0) <= request.get(f"{time}Before", always)
            for time in ("CreationTime", "LastModifiedTime")
        )
    )


def _start(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True))
    except (ValueError, binascii.Error):
        raise ValidationError("Invalid NextToken") from None

"""Pages of long answers, and the tokens between them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from infra.local.step_functions.errors import ApiError

T = TypeVar("T")

PAGE = 100
"""Entries of a page when the caller does not say (API reference, `maxResults`)."""


def page(
    entries: Sequence[T], request: Mapping[str, Any], scope: str, *, latest_first: bool = False
) -> tuple[Sequence[T], dict[str, str]]:
    """Take the page that a request asks for.

    Parameters
    ----------
    entries
        All of them. Between two pages entries may be added, at one end alone.
    request
        With `maxResults` (0 and none mean `PAGE`) and `nextToken`.
    scope
        What is listed; a token of something else is refused.
    latest_first
        Whether it is the beginning at which entries may be added, not the end.

    Returns
    -------
    The page, and ``{"nextToken": …}`` if there is more.

    Raises
    ------
    ApiError
        ``InvalidToken``.
    """
    size = request.get("maxResults") or PAGE
    start = 0
    if request.get("nextToken"):
        position = _position(request["nextToken"], scope)
        start = max(len(entries) - position, 0) if latest_first else position
    stop = start + size
    if stop >= len(entries):
        return entries[start:stop], {}
    return entries[start:stop], {"nextToken": _token(len(entries) - stop if latest_first else stop, scope)}


def _token(position: int, scope: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([position, scope]).encode()).decode()


def _position(token: str, scope: str) -> int:
    """Read how far the pages have come: from the beginning, or to the end where the latest come first."""
    try:
        position, of = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error, TypeError, RecursionError):
        position, of = None, None
    if type(position) is not int or position < 0 or of != scope:
        raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
    return position

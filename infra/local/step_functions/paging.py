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


def page(entries: Sequence[T], request: Mapping[str, Any], scope: str) -> tuple[Sequence[T], dict[str, str]]:
    """Take the page that a request asks for.

    Parameters
    ----------
    entries
        All of them. Between two pages entries may be added at the end, not before.
    request
        With `maxResults` (0 and none mean `PAGE`) and `nextToken`.
    scope
        What is listed; a token of something else is refused.

    Returns
    -------
    The page, and ``{"nextToken": …}`` if there is more.

    Raises
    ------
    ApiError
        ``InvalidToken``.
    """
    size = request.get("maxResults") or PAGE
    start = _start(request["nextToken"], scope) if request.get("nextToken") else 0
    stop = start + size
    return entries[start:stop], ({"nextToken": _token(stop, scope)} if stop < len(entries) else {})


def _token(start: int, scope: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([start, scope]).encode()).decode()


def _start(token: str, scope: str) -> int:
    try:
        start, of = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error, TypeError, RecursionError):
        start, of = None, None
    if type(start) is not int or start < 0 or of != scope:
        raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
    return start

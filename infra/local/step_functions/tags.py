"""Tags of state machines and activities.

Limits: Step Functions developer guide, "Service quotas" (tagging) and "Tagging state machines and activities"; AWS
General Reference, "Tagging your AWS resources" (keys that begin with ``aws:``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.local.step_functions.errors import ApiError, invalid

MOST_TAGS = 50

_SYSTEM = "aws:"
_WORDING = re.compile(r"[\w\s.:/=+\-@]*")

Tag = Mapping[str, str]


class Tags:
    """The tags, kept in the emulator's records (ARN -> list of ``{"key", "value"}``)."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def of(self, arn: str) -> list[Tag]:
        """List the tags of a resource in the order in which they were put."""
        return list(self._records.get(arn) or ())

    def put(self, arn: str, tags: Sequence[Tag]) -> None:
        """Add tags that are `checked`, or give those with the same key another value.

        Raises
        ------
        ApiError
            ``TooManyTags``.
        """
        merged = {tag["key"]: tag for tag in (*self.of(arn), *tags)}
        _check_room(merged, arn)
        self._records[arn] = list(merged.values())

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        """Take tags away; nothing happens for keys that are not there."""
        self._records[arn] = [tag for tag in self.of(arn) if tag["key"] not in keys]

    def forget(self, arn: str) -> None:
        """Forget a resource that is gone."""
        self._records.pop(arn, None)


def checked(tags: Sequence[Tag], arn: str, *, system: bool) -> list[Tag]:
    """Give the tags of a request as they are kept: each with its key and value.

    Parameters
    ----------
    arn
        What is to be tagged.
    system
        Whether AWS itself asks, which may put tags of its own.

    Raises
    ------
    ApiError
        ``TooManyTags`` or ``ValidationException``.
    """
    complete: list[Tag] = [{"key": tag.get("key", ""), "value": tag.get("value", "")} for tag in tags]
    for tag in complete:
        if not tag["key"]:
            raise invalid("Tag key must not be null")
        if tag["key"].lower().startswith(_SYSTEM) and not system:
            raise invalid("System tags cannot be added/updated by requester")
        if not all(_WORDING.fullmatch(text) for text in tag.values()):
            message = "Tags may only contain unicode letters, digits, white space, or these symbols: _ . : / = + - @."
            raise invalid(message)
    _check_room({tag["key"] for tag in complete}, arn)
    return complete


def _check_room(keys: Iterable[str], arn: str) -> None:
    """Refuse more tags than a resource can have; those of AWS do not count."""
    if sum(not key.lower().startswith(_SYSTEM) for key in keys) > MOST_TAGS:
        raise ApiError("TooManyTags", f"Too many tags: '{arn}' can have {MOST_TAGS} tags at most.")

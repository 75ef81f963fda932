"""Tags of state machines and activities.

Limits: Step Functions developer guide, "Service quotas" (tagging) and "Tagging state machines and activities"; AWS
General Reference, "Tagging your AWS resources" (keys that begin with ``aws:``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.step_functions.errors import ApiError, invalid

MOST_TAGS = 50

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
        """Add tags, or give those with the same key another value.

        Raises
        ------
        ApiError
            ``TooManyTags`` or ``ValidationException``.
        """
        merged = {tag["key"]: tag for tag in self.of(arn)} | {tag["key"]: tag for tag in checked(tags, arn)}
        if len(merged) > MOST_TAGS:
            raise _too_many(arn)
        self._records[arn] = list(merged.values())

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        """Take tags away; nothing happens for keys that are not there."""
        self._records[arn] = [tag for tag in self.of(arn) if tag["key"] not in keys]

    def forget(self, arn: str) -> None:
        """Forget a resource that is gone."""
        self._records.pop(arn, None)


def checked(tags: Sequence[Tag], arn: str = "") -> list[Tag]:
    """Give tags as they are kept: each with its key and value.

    Raises
    ------
    ApiError
        ``TooManyTags`` or ``ValidationException``.
    """
    complete: list[Tag] = [{"key": tag.get("key", ""), "value": tag.get("value", "")} for tag in tags]
    for tag in complete:
        if not tag["key"]:
            raise invalid("Tag key must not be null")
        if tag["key"].lower().startswith("aws:"):
            raise invalid("System tags cannot be added/updated by requester")
        if not all(_WORDING.fullmatch(text) for text in tag.values()):
            message = "Tags may only contain unicode letters, digits, white space, or these symbols: _ . : / = + - @."
            raise invalid(message)
    if len({tag["key"] for tag in complete}) > MOST_TAGS:
        raise _too_many(arn)
    return complete


def _too_many(arn: str) -> ApiError:
    return ApiError("TooManyTags", f"Too many tags: '{arn}' can have {MOST_TAGS} tags at most.")

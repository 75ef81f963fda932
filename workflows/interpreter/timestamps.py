"""Timestamps as the Amazon States Language writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

# RFC 3339 with the specification's narrowing: an upper-case "T", and an upper-case "Z" where there is no offset.
_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$", re.ASCII)


def parse(text: Any) -> tuple[datetime, int] | None:
    """Instant that `text` names, in UTC, and the nanoseconds beyond its second; None if it is no timestamp.

    The pair orders as time does, also below the microsecond, which `datetime` cannot hold.
    """
    found = _FORM.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    seconds, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if offset == "Z" else offset))
    except ValueError:
        return None
    return moment.astimezone(UTC), int((fraction or "").ljust(9, "0"))

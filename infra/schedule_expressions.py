"""The grammar of schedule expressions: AWS's alone, nothing of this application.

Sources: EventBridge Scheduler user guide, "Schedule types in EventBridge Scheduler"; Scheduler API reference,
"CreateSchedule"; EventBridge user guide, "Setting a schedule pattern for scheduled rules". Both services take the same
cron expressions. Rules know no `at(…)`, and want the unit of a rate in the singular after 1 and in the plural after
more; Scheduler takes either.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_RECURRING = "cron(minutes hours day-of-month month day-of-week year) or rate(value unit), such as cron(0 6 * * ? *)"
_ONCE = "at(yyyy-mm-ddThh:mm:ss), a time of the calendar without a zone, such as at(2030-01-31T06:00:00)"
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1
    )
}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}


@dataclass(frozen=True)
class _Field:
    """One field of a cron expression: its range, the names of values, and the wildcards beside `,`, `-` and `*`."""

    name: str
    first: int
    last: int
    wildcards: str
    names: Mapping[str, int]

    def refusal(self, text: str) -> str | None:
        """None if the text fits, else what would."""
        items = text.split(",")
        if all(self._fits(item, alone=len(items) == 1) for item in items):
            return None
        named = f" or {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        wildcards = " ".join((",", "-", "*", *self.wildcards))
        return f"{self.name} of {self.first}-{self.last}{named} with {wildcards} (not {text!r})"

    def _fits(self, item: str, *, alone: bool) -> bool:
        if item in ("?", "L"):
            return alone and item in self.wildcards
        if item.endswith("W"):  # the weekday that is nearest to a day
            return "W" in self.wildcards and self._value(item[:-1]) is not None
        if item.endswith("L") and self.names is _DAYS:  # the last such day of the month
            return self._value(item[:-1]) is not None
        if "#" in item:  # the first to fifth such day of the month
            day, _, which = item.partition("#")
            return alone and "#" in self.wildcards and self._value(day) is not None and which in tuple("12345")
        span, slash, step = item.partition("/")
        if slash and not ("/" in self.wildcards and _is_number(step) and 0 < int(step) <= self.last):
            return False
        low, dash, high = span.partition("-")
        if not dash:
            return span == "*" or self._value(span) is not None
        values = (self._value(low), self._value(high))
        return values[0] is not None and values[1] is not None and values[0] <= values[1]

    def _value(self, text: str) -> int | None:
        value = int(text) if _is_number(text) else self.names.get(text)
        return value if value is not None and self.first <= value <= self.last else None


_FIELDS = (
    _Field("minutes", 0, 59, "/", {}),
    _Field("hours", 0, 23, "/", {}),
    _Field("day-of-month", 1, 31, "?/LW", {}),
    _Field("month", 1, 12, "/", _MONTHS),
    _Field("day-of-week", 1, 7, "?L#", _DAYS),
    _Field("year", 1970, 2199, "/", {}),
)


def rule_expression(text: str) -> str | None:
    """A cron or rate expression that a rule of EventBridge takes, and Scheduler too.

    Parameters
    ----------
    text
        The expression, such as `cron(0 6 * * ? *)` or `rate(1 hour)`.

    Returns
    -------
    None if it is one, else what is allowed in the place where it is not.

    Examples
    --------
    >>> rule_expression("cron(0 6 * * ? *)")
    >>> rule_expression("rate(5 minute)")
    'rate(5 minutes): minutes, hours or days after a whole number, in the singular after 1'
    """
    kind, fields = _parts(text)
    if kind == "cron":
        return _refused_cron(fields)
    if kind == "rate":
        return _refused_rate(fields) or _refused_grammatical_number(fields)
    return _RECURRING


def scheduler_expression(text: str) -> str | None:
    """A cron, rate or one-time expression that EventBridge Scheduler takes.

    Returns
    -------
    None if it is one, else what is allowed in the place where it is not. A time that has passed is allowed.

    Examples
    --------
    >>> scheduler_expression("at(2030-01-31T06:00:00)")
    >>> scheduler_expression("rate(1 minutes)")
    """
    kind, fields = _parts(text)
    if kind == "cron":
        return _refused_cron(fields)
    if kind == "rate":
        return _refused_rate(fields)
    return (None if _is_time(fields) else _ONCE) if kind == "at" else f"{_RECURRING}, or {_ONCE}"


def time_zone(name: str) -> str | None:
    """A time zone by its name in the IANA database (Scheduler user guide, "Time zones on EventBridge Scheduler").

    Returns
    -------
    None if it is one, else what is.
    """
    return None if name in zoneinfo.available_timezones() else "a name of the IANA time zone database, such as UTC"


def _parts(text: str) -> tuple[str, list[str]]:
    """The kind of an expression and its fields; an empty kind if it has none of the forms."""
    match = re.fullmatch(r"(cron|rate|at)\(([^()\s](?:[^()]*[^()\s])?)?\)", text)
    return (match[1], (match[2] or "").split()) if match else ("", [])


def _refused_cron(fields: list[str]) -> str | None:
    if len(fields) != len(_FIELDS):
        return f"six fields in {_RECURRING}"
    for field, text in zip(_FIELDS, fields, strict=True):
        if refusal := field.refusal(text):
            return refusal
    if (fields[2] == "?") == (fields[4] == "?"):
        return "? in one of day-of-month and day-of-week, and a value or * in the other"
    return None


def _refused_rate(fields: list[str]) -> str | None:
    value, unit = (fields[0], fields[1]) if len(fields) == 2 else ("", "")
    number = int(value) if _is_number(value) else 0
    if number and unit.removesuffix("s") in ("minute", "hour", "day"):
        return None
    return _rates(number)


def _refused_grammatical_number(fields: list[str]) -> str | None:
    number, singular = int(fields[0]), not fields[1].endswith("s")
    return None if singular == (number == 1) else _rates(number)


def _rates(number: int) -> str:
    example = f"rate({number or 5} {'minute' if number == 1 else 'minutes'})"
    return f"{example}: minutes, hours or days after a whole number, in the singular after 1"


def _is_time(fields: list[str]) -> bool:
    text = " ".join(fields)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None

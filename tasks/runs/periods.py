"""The hours and days of scheduled runs, in UTC: which one a run scores, and what its folder is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: How far back a run may look for objects that came late. Runs are replayable for twice as long (`Retention.runs`).
LONGEST_LATENESS = timedelta(days=7)

_DATE, _HOUR = "{date}", "{hour}"
_NAMES = {HOUR: "%Y-%m-%dT%H", DAY: "%Y-%m-%d"}


def places_in(pattern: str) -> list[str]:
    """The placeholders that a prefix has, of `{date}` and `{hour}`."""
    return [place for place in (_DATE, _HOUR) if place in pattern]


@dataclass(frozen=True)
class Period:
    """An hour or a day.

    Parameters
    ----------
    start
        Its first moment, in UTC.
    length
        `HOUR` or `DAY`. UTC has no daylight saving time, so each is as long as every other.
    """

    start: datetime
    length: timedelta

    @classmethod
    def ended_by(cls, time: datetime, pattern: str) -> Period | None:
        """The last period that had ended at a time.

        Parameters
        ----------
        time
            In UTC: when a schedule is due.
        pattern
            The prefix that the schedule scores. Its finest placeholder decides: with `{hour}` it is the hour before the
            hour of `time`, else with `{date}` the day before.

        Returns
        -------
        None if the pattern has no placeholder, and so no periods.

        Examples
        --------
        >>> from datetime import UTC
        >>> Period.ended_by(datetime(2026, 11, 23, 0, 5, tzinfo=UTC), "in/{date}/{hour}/").name
        '2026-11-22T23'
        """
        places = places_in(pattern)
        if not places:
            return None
        if _HOUR in places:
            return cls(time.replace(minute=0, second=0, microsecond=0) - HOUR, HOUR)
        return cls(time.replace(hour=0, minute=0, second=0, microsecond=0) - DAY, DAY)

    @classmethod
    def named(cls, name: str) -> Period:
        """The period of a `name`."""
        length = HOUR if "T" in name else DAY
        return cls(datetime.strptime(name, _NAMES[length]).replace(tzinfo=UTC), length)

    @property
    def name(self) -> str:
        """`2026-11-22T23` of an hour, `2026-11-22` of a day: names of one kind sort by time."""
        return self.start.strftime(_NAMES[self.length])

    def before(self, periods: int) -> Period:
        """The period that many periods before this one."""
        return Period(self.start - periods * self.length, self.length)

    def folder(self, pattern: str) -> str:
        """The pattern with this period in its places."""
        return pattern.replace(_DATE, f"{self.start:%Y-%m-%d}").replace(_HOUR, f"{self.start:%H}")

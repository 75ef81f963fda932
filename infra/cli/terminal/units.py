"""Durations and numbers as people write and read them."""

import re
from datetime import timedelta

_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `24h`, `7d` or `1h30m`.

    Raises
    ------
    ValueError
        If the text is anything else, or no time at all; the message says what is allowed.
    """
    parts = _DURATION.findall(text)
    duration = timedelta(**_sum_of(parts))
    if "".join(number + unit for number, unit in parts) != text or not duration:
        raise ValueError(f"{text!r} is not a duration: write a number and s, m, h, d or w, such as 24h or 7d")
    return duration


def _sum_of(parts: list[tuple[str, str]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for number, unit in parts:
        total[_UNITS[unit]] = total.get(_UNITS[unit], 0) + int(number)
    return total


def seconds_text(seconds: float) -> str:
    """Write a duration for reading: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

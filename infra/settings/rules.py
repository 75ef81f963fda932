"""What a value may be. Rules stand beside the types of the settings, as `Annotated[int, between(1, 10)]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from infra.errors import SettingsError

#: Says of a value None if it is allowed, else what is.
Rule = Callable[[Any], str | None]


def check(condition: bool, name: str, value: object, allowed: str) -> None:
    """Refuse a value.

    Raises
    ------
    SettingsError
        If the condition does not hold; names the setting, its value and what is allowed.
    """
    if not condition:
        raise SettingsError(f"Setting {name} is {value!r}. Allowed: {allowed}.")


def between(least: float, most: float, unit: str = "") -> Rule:
    """A number from `least` to `most`, both included."""
    allowed = f"{least:,} to {most:,}{unit and ' '}{unit}"
    return lambda value: None if least <= value <= most else allowed


def at_least(least: float, why: str = "") -> Rule:
    """A number that is `least` or more."""
    allowed = f"{least:,} or more{why and ', '}{why}"
    return lambda value: None if value >= least else allowed


def above_zero(value: float) -> str | None:
    """A number that is positive."""
    return None if value > 0 else "a number above 0"


def one_of(choices: Collection[object]) -> Rule:
    """One of some values."""
    allowed = f"one of {', '.join(map(str, choices))}"
    return lambda value: None if value in choices else allowed


def matching(pattern: str, allowed: str) -> Rule:
    """Text that a regular expression matches from its beginning to its end."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: None if compiled.fullmatch(value) else allowed


#: The limits of an address's length are those of RFC 5321, 4.5.3.1.
email = matching(
    r"(?=.{3,254}$)(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}",
    "an e-mail address such as ml-team@example.com",
)

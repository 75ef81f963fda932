"""Who calls an operation, and what answers beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from infra.local.step_functions.arns import Arn

HandOn = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Lets the emulator answer a request; raises `ApiError` with the emulator's refusal."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it is.

    Attributes
    ----------
    account, region
        Where it was made.
    of_aws
        Whether it is another service of the embedded AWS, as CloudFormation is: it may put system tags.
    hand_on
        Lets the emulator answer in our place, for what the emulator keeps.
    """

    account: str
    region: str
    of_aws: bool
    hand_on: HandOn

    def arn(self, kind: str, name: str) -> str:
        """Give the ARN of a resource of the caller's."""
        return str(Arn(self.region, self.account, kind, name))

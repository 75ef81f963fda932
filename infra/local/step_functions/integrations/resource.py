"""The `Resource` of a Task state, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["function", "activity", "aws-sdk", "optimized", "unknown"]
Pattern = Literal["", "sync", "sync:2", "waitForTaskToken"]


@dataclass(frozen=True, slots=True)
class Resource:
    """What a Task state names.

    Attributes
    ----------
    arn
        As written.
    kind
        A Lambda function's ARN, an activity's ARN, an AWS SDK integration or an optimized integration
        (Step Functions developer guide, "Integrating services").
    service, action
        ``batch`` and ``submitJob`` of ``arn:aws:states:::batch:submitJob.sync``.
    pattern
        The service integration pattern; empty for request-response.
    """

    arn: str
    kind: Kind
    service: str = ""
    action: str = ""
    pattern: Pattern = ""

    @classmethod
    def parse(cls, arn: str) -> Resource:
        """Take `arn` apart."""
        parts = arn.split(":")
        if len(parts) > 6 and parts[2] == "lambda" and parts[5] == "function":
            return cls(arn, "function", "lambda", "invoke")
        if len(parts) > 6 and parts[2] == "states" and parts[5] == "activity":
            return cls(arn, "activity")
        if len(parts) < 7 or parts[2] != "states" or parts[3] or parts[4]:
            return cls(arn, "unknown")
        path, pattern = _pattern(":".join(parts[5:]))
        if path.startswith("aws-sdk:") and path.count(":") == 2:
            _, service, action = path.split(":")
            return cls(arn, "aws-sdk", service, action, pattern)
        service, _, action = path.partition(":")
        return cls(arn, "optimized", service, action, pattern)

    @property
    def operation(self) -> str:
        """The API's operation: ``SubmitJob`` of ``submitJob``."""
        return self.action[:1].upper() + self.action[1:]


def _pattern(path: str) -> tuple[str, Pattern]:
    patterns: tuple[Pattern, ...] = ("sync:2", "sync", "waitForTaskToken")
    for pattern in patterns:
        if path.endswith(f".{pattern}"):
            return path.removesuffix(f".{pattern}"), pattern
    return path, ""

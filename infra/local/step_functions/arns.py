"""ARNs of Step Functions, read and written.

Forms: AWS Service Authorization Reference, "Actions, resources, and condition keys for AWS Step Functions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.step_functions.errors import ApiError, invalid_arn

KINDS: dict[str, tuple[str, ...]] = {
    "activityArn": ("activity",),
    "executionArn": ("execution",),
    "mapRunArn": ("mapRun",),
    "resourceArn": ("stateMachine", "activity"),
    "stateMachineAliasArn": ("stateMachine",),
    "stateMachineArn": ("stateMachine",),
    "stateMachineVersionArn": ("stateMachine",),
}
"""Which kinds of resources a member of a request can name."""


@dataclass(frozen=True, slots=True)
class Arn:
    """``arn:aws:states:{region}:{account}:{kind}:{name}``.

    Attributes
    ----------
    kind
        ``stateMachine``, ``execution``, ``express``, ``mapRun`` or ``activity``.
    name
        All that follows; may hold colons and slashes.
    """

    region: str
    account: str
    kind: str
    name: str

    @classmethod
    def parse(cls, text: str, *kinds: str) -> Arn:
        """Read an ARN, which must be of one of `kinds`.

        Raises
        ------
        ApiError
            ``InvalidArn``.
        """
        parts = text.split(":", 6)
        if parts[:3] != ["arn", "aws", "states"] or len(parts) < 7 or not parts[6]:
            raise invalid_arn(f"Invalid ARN prefix: {text}")
        _, _, _, region, account, kind, name = parts
        if kind not in kinds:
            raise invalid_arn(f"Resource type not valid in this context: {kind}")
        return cls(region, account, kind, name)

    def __str__(self) -> str:
        return f"arn:aws:states:{self.region}:{self.account}:{self.kind}:{self.name}"

    @property
    def qualifier(self) -> str | None:
        """Version or alias of a state machine; the label of a Map Run's; ``None`` for the state machine itself."""
        for separator in (":", "/"):
            if separator in self.name:
                return self.name.partition(separator)[2]
        return None


def check(request: Mapping[str, Any], action: str, account: str, region: str) -> None:
    """Check the ARNs among the members of a request: their form, their kind, and that they are of here.

    Raises
    ------
    ApiError
        ``InvalidArn``, or ``AccessDeniedException`` for another account's resource.
    """
    for member, kinds in KINDS.items():
        if member not in request:
            continue
        text = request[member]
        arn = Arn.parse(text, *kinds)
        if arn.region != region:
            raise invalid_arn(f"Region not valid in this context: {arn.region}")
        if arn.account != account:
            message = (
                f"User: arn:aws:iam::{account}:root is not authorized to perform: states:{action} on resource: {text} "
                f"because no resource-based policy allows the states:{action} action"
            )
            raise ApiError("AccessDeniedException", message)

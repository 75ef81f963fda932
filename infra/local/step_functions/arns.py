"""ARNs of Step Functions, read and written.

Forms: AWS Service Authorization Reference, "Actions, resources, and condition keys for AWS Step Functions".
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.step_functions.errors import invalid_arn


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
        if parts[0] != "arn" or len(parts) < 7:
            raise invalid_arn(f"Invalid ARN prefix: {text}")
        _, _, service, region, account, kind, name = parts
        if service != "states":
            raise invalid_arn(f"Invalid ARN prefix: {text}")
        if kind not in kinds:
            raise invalid_arn(f"Resource type not valid in this context: {kind}")
        return cls(region, account, kind, name)

    def __str__(self) -> str:
        return f"arn:aws:states:{self.region}:{self.account}:{self.kind}:{self.name}"

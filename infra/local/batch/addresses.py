"""Names and ARNs of AWS Batch's objects."""

import re
from dataclasses import dataclass

from infra.local.batch.errors import RequestRefusedError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True)
class Place:
    """An account and a region of it; nothing is shared between two of them."""

    account: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of e.g. ``job-queue`` `name`."""
        return f"arn:aws:batch:{self.region}:{self.account}:{kind}/{name}"

    def name(self, kind: str, reference: str) -> str:
        """Return the name in a reference, which is a name itself or an ARN of this place.

        An ARN of something else is returned as it is: nothing has such a name, so it is not found.
        """
        return reference.removeprefix(self.arn(kind, ""))


def check_name(name: str, complaint: str) -> None:
    """Refuse a name that AWS Batch refuses: up to 128 letters, digits, ``-`` and ``_``, beginning alphanumerically.

    Raises
    ------
    RequestRefusedError
        With `complaint`.
    """
    if not _NAME.fullmatch(name):
        raise RequestRefusedError(complaint)

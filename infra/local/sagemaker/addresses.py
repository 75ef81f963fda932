"""Names and ARNs of SageMaker's objects."""

from dataclasses import dataclass

MODEL = "model"
CONFIG = "endpoint-config"
ENDPOINT = "endpoint"


@dataclass(frozen=True)
class Place:
    """An account and a region of it; nothing is shared between two of them."""

    account: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of e.g. ``endpoint`` `name`; SageMaker writes names in lower case there."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"

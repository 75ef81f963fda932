"""SageMaker in one account and region."""

import threading
from typing import Any

from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.artifacts import Artifacts
from infra.local.sagemaker.configs import Configs
from infra.local.sagemaker.deployment import Deployer
from infra.local.sagemaker.endpoints import Endpoints
from infra.local.sagemaker.errors import ValidationError
from infra.local.sagemaker.fleet import Limits
from infra.local.sagemaker.logs import EndpointLogs
from infra.local.sagemaker.models import Models

Record = dict[str, Any]


class Region:
    """Models, endpoint configurations, endpoints and their tags.

    Parameters
    ----------
    place
        Account and region.
    artifacts
        Fetches what models name.
    logs
        Take what instances write.
    limits
        Times.

    Attributes
    ----------
    lock
        To be held while anything here is changed.
    tags
        By ARN.
    """

    def __init__(self, place: Place, artifacts: Artifacts, logs: EndpointLogs, limits: Limits) -> None:
        self.place = place
        self.artifacts = artifacts
        self.lock = threading.RLock()
        self.models = Models(place)
        self.configs = Configs(place, self.models)
        self.endpoints = Endpoints(place, self.models, self.configs, Deployer(place, artifacts, logs, limits))
        self.tags: dict[str, dict[str, str]] = {}

    def saved(self) -> Record:
        """Return what survives a restart, as JSON."""
        with self.lock:
            return {
                "account": self.place.account,
                "region": self.place.region,
                "models": self.models.records,
                "configs": self.configs.records,
                "endpoints": self.endpoints.saved(),
                "tags": self.tags,
            }

    def load(self, saved: Record) -> None:
        """Take over what `saved` returned."""
        self.models.records = saved["models"]
        self.configs.records = saved["configs"]
        self.endpoints.load(saved["endpoints"])
        self.tags = saved["tags"]

    def tags_of(self, arn: str) -> dict[str, str]:
        """Return the live tags of what an ARN names.

        Raises
        ------
        ValidationError
            If there is no such thing.
        """
        arns = {record["ModelArn"] for record in self.models.records.values()}
        arns |= {record["EndpointConfigArn"] for record in self.configs.records.values()}
        arns |= {endpoint.arn for endpoint in list(self.endpoints.by_name.values())}
        if arn not in arns:
            raise ValidationError(f"Could not find resource {arn}.")
        return self.tags.setdefault(arn, {})

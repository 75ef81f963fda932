"""Models: which image serves which archive, with which role.

Facts: Amazon SageMaker API reference, "CreateModel", "ContainerDefinition", "DescribeModel".
"""

import time
from collections.abc import Callable
from typing import Any

from infra.local.sagemaker.addresses import MODEL, Place
from infra.local.sagemaker.errors import NotEmulatedError, ValidationError

Record = dict[str, Any]

_KEPT = ("ModelName", "PrimaryContainer", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
_NOT_EMULATED = ("Containers", "InferenceExecutionConfig")
_NOT_EMULATED_IN_CONTAINER = (
    "AdditionalModelDataSources",
    "ContainerMetricsConfig",
    "InferenceSpecificationName",
    "ModelDataSource",
    "ModelPackageName",
    "MultiModelConfig",
)


class Models:
    """Models of one account and region, as the API shows them.

    Parameters
    ----------
    place
        Account and region.

    Attributes
    ----------
    records
        By name.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.records: dict[str, Record] = {}

    def plan(self, request: Record) -> Record:
        """Return the record of the model that a request asks for; nothing is kept yet.

        Raises
        ------
        ValidationError
            If the name is taken, or the request asks for what SageMaker refuses or is not emulated.
        """
        name = request["ModelName"]
        arn = self._place.arn(MODEL, name)
        if name in self.records:
            raise ValidationError(f'Cannot create already existing model "{arn}".')
        _check(request)
        kept = {member: request[member] for member in _KEPT if member in request}
        container = {"Mode": "SingleModel", "Environment": {}, **request["PrimaryContainer"]}
        isolation = request.get("EnableNetworkIsolation", False)
        return {
            **kept,
            "PrimaryContainer": container,
            "EnableNetworkIsolation": isolation,
            "CreationTime": time.time(),
            "ModelArn": arn,
        }

    def get(self, name: str) -> Record:
        """Return a model.

        Raises
        ------
        ValidationError
            If there is none.
        """
        if name not in self.records:
            raise ValidationError(f'Could not find model "{self._place.arn(MODEL, name)}".')
        return self.records[name]

    def delete(self, name: str) -> str:
        """Delete a model; endpoints that serve it go on. Returns its ARN."""
        arn: str = self.get(name)["ModelArn"]
        del self.records[name]
        return arn

    def summaries(self) -> list[Record]:
        """Return the entries of ListModels."""
        return summaries(self.records, ("ModelName", "ModelArn", "CreationTime"))


def summaries(records: dict[str, Record], members: tuple[str, ...]) -> list[Record]:
    """Return some members of every record."""
    return [{member: record[member] for member in members} for record in records.values()]


def refuse(owner: str, request: Record, *members: str, but: Callable[[Any], bool] = bool) -> None:
    """Refuse members that matter and are not emulated.

    Parameters
    ----------
    owner
        What the members belong to, for the message.
    but
        Whether a value asks for something; one that does not is let pass.

    Raises
    ------
    NotEmulatedError
        Naming the first of them.
    """
    for member in members:
        if but(request.get(member)):
            raise NotEmulatedError(f"{owner}{member}")


def _check(request: Record) -> None:
    refuse("", request, *_NOT_EMULATED)
    container = request.get("PrimaryContainer")
    if not container:
        raise ValidationError("Either a PrimaryContainer or Containers must be specified.")
    refuse("PrimaryContainer.", container, *_NOT_EMULATED_IN_CONTAINER)
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise NotEmulatedError(f"PrimaryContainer.Mode {container['Mode']}")
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") != "Platform":
        raise NotEmulatedError("PrimaryContainer.ImageConfig.RepositoryAccessMode Vpc")
    if not container.get("Image"):
        raise ValidationError("Image must be specified for container.")
    if not request.get("ExecutionRoleArn"):
        raise ValidationError("ExecutionRoleArn must be specified.")
    url = container.get("ModelDataUrl", "")
    if url and not url.startswith("s3://"):
        raise NotEmulatedError(f"model data at {url}, only at s3://")

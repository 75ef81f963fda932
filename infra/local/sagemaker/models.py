"""Models: which image serves which archive, with which role.

Facts: Amazon SageMaker API reference, "CreateModel", "ContainerDefinition", "DescribeModel".
"""

import time
from typing import Any

from infra.local.sagemaker.addresses import MODEL, Place
from infra.local.sagemaker.catalog import Catalog
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


class Models(Catalog):
    """Models of one account and region, as the API shows them."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, MODEL, "model", "Model")

    def plan(self, request: Record) -> Record:
        """Return the record of the model that a request asks for; nothing is kept yet.

        Raises
        ------
        ValidationError
            If the name is taken, or the request asks for what SageMaker refuses or is not emulated.
        """
        arn = self.new_arn(request["ModelName"])
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


def refuse(owner: str, request: Record, *members: str) -> None:
    """Refuse members that matter and are not emulated.

    Parameters
    ----------
    owner
        What the members belong to, for the message.
    request
        One whose members are empty or 0 asks for nothing and is let pass.

    Raises
    ------
    NotEmulatedError
        Naming the first of them.
    """
    for member in members:
        if request.get(member):
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

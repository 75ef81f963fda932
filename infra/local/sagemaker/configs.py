"""Endpoint configurations: which models stand behind an endpoint, with how many instances and which weights.

Facts: Amazon SageMaker API reference, "CreateEndpointConfig", "ProductionVariant".
"""

import time
from typing import Any

from infra.local.sagemaker.addresses import CONFIG, Place
from infra.local.sagemaker.catalog import Catalog
from infra.local.sagemaker.errors import NotEmulatedError, ValidationError
from infra.local.sagemaker.models import Models, refuse

Record = dict[str, Any]

_KEPT = ("EndpointConfigName", "KmsKeyId", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
_NOT_EMULATED = (
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "MetricsConfig",
    "ShadowProductionVariants",
    # Those of an endpoint with inference components.
    "EnableNetworkIsolation",
    "ExecutionRoleArn",
    "VpcConfig",
)
_NOT_EMULATED_IN_VARIANT = (
    "AcceleratorType",
    "CapacityReservationConfig",
    "CoreDumpConfig",
    "EnableSSMAccess",
    "InferenceAmiVersion",
    "InstancePools",
    "ManagedInstanceScaling",
    "ServerlessConfig",
    "VariantInstanceProvisionTimeoutInSeconds",
)


class Configs(Catalog):
    """Endpoint configurations of one account and region, as the API shows them.

    Parameters
    ----------
    place
        Account and region.
    models
        That variants name.
    """

    def __init__(self, place: Place, models: Models) -> None:
        super().__init__(place, CONFIG, "endpoint configuration", "EndpointConfig")
        self._models = models

    def create(self, request: Record) -> Record:
        """Create an endpoint configuration.

        Raises
        ------
        ValidationError
            If the name is taken, a model does not exist, or what is asked for is refused or not emulated.
        """
        name = request["EndpointConfigName"]
        arn = self.new_arn(name)
        refuse("", request, *_NOT_EMULATED)
        if request.get("DataCaptureConfig", {}).get("EnableCapture", "DataCaptureConfig" in request):
            raise NotEmulatedError("DataCaptureConfig")
        variants = [self._variant(variant) for variant in request["ProductionVariants"]]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise ValidationError("Production variant names must be unique.")
        check_weights([variant["InitialVariantWeight"] for variant in variants])
        kept = {member: request[member] for member in _KEPT if member in request}
        self.records[name] = {
            **kept,
            "ProductionVariants": variants,
            "EndpointConfigArn": arn,
            "CreationTime": time.time(),
        }
        return {"EndpointConfigArn": arn}

    def _variant(self, variant: Record) -> Record:
        refuse("ProductionVariants.", variant, *_NOT_EMULATED_IN_VARIANT)
        for member in ("ModelName", "InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise ValidationError(f"{member} must be specified for variant {variant['VariantName']}.")
        self._models.get(variant["ModelName"])
        if variant.get("RoutingConfig", {}).get("RoutingStrategy") == "PREFIX_AWARE":
            raise NotEmulatedError("ProductionVariants.RoutingConfig.RoutingStrategy PREFIX_AWARE")
        return {"InitialVariantWeight": 1.0, **variant}


def check_weights(weights: list[float]) -> None:
    """Refuse weights that leave nobody to answer.

    Raises
    ------
    ValidationError
        If none is positive.
    """
    if not any(weight > 0 for weight in weights):
        raise ValidationError("At least one production variant must have a weight greater than 0.")

"""What the endpoint serves; the one module of the tasks that calls SageMaker's control plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tasks.aws import client, error_code, named_failures
from tasks.errors import EndpointBusy, EndpointUnavailable, InvalidDeployment

Record = Mapping[str, Any]

#: Environment variable of a model's container that says which version it serves.
VERSION_VARIABLE = "ML_PIPELINE_MODEL_VERSION"
THRESHOLD_VARIABLE = "ML_PIPELINE_THRESHOLD"
#: The variants of the endpoint; their names never change.
VARIANTS = ("ModelA", "ModelB")

_BUSY = {"Creating", "Updating", "SystemUpdating", "RollingBack"}


@dataclass(frozen=True)
class Variant:
    """A production variant.

    `version` is None for a model of somebody else's; `weight` and `instances` are the desired ones; `settings` is what
    the configuration says of it (`ProductionVariant`), `model` what `DescribeModel` does.
    """

    name: str
    version: str | None
    weight: float
    instances: int
    settings: Record
    model: Record


@dataclass(frozen=True)
class Served:
    """What an endpoint serves: its configuration (`DescribeEndpointConfig`) and its two variants."""

    endpoint: str
    config: Record
    variants: tuple[Variant, Variant]

    @property
    def config_name(self) -> str:
        """Name of the configuration."""
        return str(self.config["EndpointConfigName"])

    def champion(self, active_version: str | None) -> Variant:
        """The variant that serves the active version; of two, or if none does, the one with more weight."""
        right = [variant for variant in self.variants if variant.version == active_version]
        return max(right or self.variants, key=lambda variant: variant.weight)

    def other(self, variant: Variant) -> Variant:
        """The variant beside this one."""
        first, second = self.variants
        return second if variant.name == first.name else first

    def weights(self) -> list[dict[str, Any]]:
        """The weights as `UpdateEndpointWeightsAndCapacities` takes them."""
        return desired_weights({variant.name: variant.weight for variant in self.variants})

    def in_words(self) -> str:
        """Which variant serves which version."""
        return ", ".join(f"{each.name} serves {each.version or 'no version'}" for each in self.variants)

    def with_version(self, version: str) -> list[Variant]:
        """The variants that serve a version."""
        return [variant for variant in self.variants if variant.version == version]


@dataclass(frozen=True)
class KeptConfig:
    """A configuration that can be served again: its variants' versions, models and initial weights by their names."""

    name: str
    versions: Mapping[str, str | None]
    models: Mapping[str, str]
    weights: Mapping[str, float]


def desired_weights(weights: Mapping[str, float]) -> list[dict[str, Any]]:
    """Weights by variant as `UpdateEndpointWeightsAndCapacities` takes them."""
    return [{"VariantName": name, "DesiredWeight": float(weights[name])} for name in VARIANTS]


class ControlPlane:
    """Models, configurations and the endpoint.

    Parameters
    ----------
    endpoint
        Name of the endpoint.
    sagemaker
        A botocore client of `sagemaker`; default: the process's own.
    """

    def __init__(self, endpoint: str, sagemaker: Any = None) -> None:
        self.endpoint = endpoint
        self._sagemaker = sagemaker if sagemaker is not None else client("sagemaker")

    def served(self) -> Served:
        """What the endpoint serves while nobody updates it.

        Raises
        ------
        EndpointBusy
            If it is being updated.
        EndpointUnavailable
            If it is not there, or has failed.
        InvalidDeployment
            If its variants are not ours.
        """
        described = self._described()
        status = described["EndpointStatus"]
        if status in _BUSY:
            raise EndpointBusy(f"the endpoint {self.endpoint} is {status}; it can be changed when that has ended")
        if status != "InService":
            reason = described.get("FailureReason", "SageMaker gives no reason")
            raise EndpointUnavailable(f"the endpoint {self.endpoint} is {status}: {reason}")
        return self._served(described)

    def served_meanwhile(self) -> Served:
        """What the endpoint serves even while it is being updated: the old fleet answers until the new one does.

        Raises
        ------
        EndpointUnavailable, InvalidDeployment
            As `served`.
        """
        return self._served(self._described())

    def configs_in_use(self) -> set[str]:
        """Names of the configurations that the endpoint has, or will have when its update ends."""
        described = self._described()
        pending = described.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        return {described["EndpointConfigName"], *([pending] if pending else [])}

    def kept_configs(self, prefix: str) -> Iterator[KeptConfig]:
        """Our configurations, the newest first. What is deleted meanwhile is left out."""
        listed = self._list("list_endpoint_configs", "EndpointConfigs", prefix)
        for name in (entry["EndpointConfigName"] for entry in listed):
            config = self._if_there("describe_endpoint_config", EndpointConfigName=name)
            if name.startswith(prefix) and config is not None and "ProductionVariants" in config:
                yield self._kept(config)

    def model_names(self, prefix: str) -> list[str]:
        """Names of our models."""
        names = (str(entry["ModelName"]) for entry in self._list("list_models", "Models", prefix))
        return [name for name in names if name.startswith(prefix)]

    def delete_config(self, name: str) -> None:
        """Delete a configuration; no error when it is gone."""
        self._if_there("delete_endpoint_config", EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        """Delete a model; no error when it is gone."""
        self._if_there("delete_model", ModelName=name)

    def _described(self) -> Record:
        described = self._if_there("describe_endpoint", EndpointName=self.endpoint)
        if described is None:
            raise EndpointUnavailable(f"there is no endpoint {self.endpoint}; deploy the stack of the models first")
        return described

    def _served(self, described: Record) -> Served:
        config = self._if_there("describe_endpoint_config", EndpointConfigName=described["EndpointConfigName"])
        if config is None:
            raise EndpointUnavailable(
                f"the endpoint {self.endpoint} serves the configuration {described['EndpointConfigName']}, which "
                "somebody has deleted; make it anew with aws sagemaker create-endpoint-config"
            )
        settings = {each["VariantName"]: each for each in config["ProductionVariants"]}
        live = {each["VariantName"]: each for each in described.get("ProductionVariants", ())}
        if tuple(sorted(settings)) != VARIANTS:
            raise InvalidDeployment(
                f"the endpoint {self.endpoint} has the variants {', '.join(sorted(settings))}; deployments are made "
                f"between {' and '.join(VARIANTS)}"
            )
        first, second = (self._variant(settings[name], live.get(name, {})) for name in VARIANTS)
        return Served(self.endpoint, config, (first, second))

    def _variant(self, settings: Record, live: Record) -> Variant:
        model = self._if_there("describe_model", ModelName=settings["ModelName"])
        if model is None:
            raise EndpointUnavailable(
                f"variant {settings['VariantName']} of {self.endpoint} serves the model {settings['ModelName']}, which "
                "somebody has deleted; make it anew with aws sagemaker create-model"
            )
        return Variant(
            name=settings["VariantName"],
            version=_version(model),
            weight=float(live.get("DesiredWeight", settings["InitialVariantWeight"])),
            instances=int(live.get("DesiredInstanceCount", settings["InitialInstanceCount"])),
            settings=settings,
            model=model,
        )

    def _kept(self, config: Record) -> KeptConfig:
        variants = config["ProductionVariants"]
        models = {each["VariantName"]: str(each["ModelName"]) for each in variants}
        versions = {
            name: _version(self._if_there("describe_model", ModelName=model) or {}) for name, model in models.items()
        }
        weights = {each["VariantName"]: float(each["InitialVariantWeight"]) for each in variants}
        return KeptConfig(str(config["EndpointConfigName"]), versions, models, weights)

    def _list(self, operation: str, key: str, prefix: str) -> list[Record]:
        pages = self._sagemaker.get_paginator(operation).paginate(
            NameContains=prefix, SortBy="CreationTime", SortOrder="Descending"
        )
        with named_failures(f"list the {key} of SageMaker"):
            return [entry for page in pages for entry in page[key]]

    def _if_there(self, operation: str, **request: str) -> Record | None:
        """The answer of an operation on one thing; None if SageMaker does not have it.

        SageMaker says so with ResourceNotFound, or with a ValidationException: "Could not find …".
        """
        (name,) = request.values()
        with named_failures(f"{operation.replace('_', ' ')} {name}"):
            try:
                answer: Record = getattr(self._sagemaker, operation)(**request)
            except ClientError as error:
                missing = error_code(error) == "ValidationException" and "could not find" in str(error).lower()
                if missing or error_code(error) in ("ResourceNotFound", "ResourceNotFoundException"):
                    return None
                raise
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def _version(model: Record) -> str | None:
    version = model.get("PrimaryContainer", {}).get("Environment", {}).get(VERSION_VARIABLE)
    return None if version is None else str(version)

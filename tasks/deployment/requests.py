"""The requests of SageMaker that bring a version into a variant.

A new model is like the one that is served, with another artifact; a new configuration is the served one with another
model. So roles, network, keys, instance types and whatever else was chosen for the endpoint stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tasks.deployment.serving import THRESHOLD_VARIABLE, VERSION_VARIABLE, Served, Variant
from tasks.models.version import RegisteredVersion
from tasks.settings import Settings

#: Of names of models and configurations (SageMaker API reference, "CreateModel", "CreateEndpointConfig").
LONGEST_NAME = 63
_HASH_CHARACTERS = 10
#: Only in answers, or where SageMaker made them up.
_NOT_OF_A_REQUEST = {"EndpointConfigName", "EndpointConfigArn", "CreationTime"}


@dataclass(frozen=True)
class Requests:
    """CreateModel and CreateEndpointConfig, None where what there is will do, and UpdateEndpoint."""

    update: dict[str, Any]
    config: dict[str, Any] | None = None
    model: dict[str, Any] | None = None


@dataclass(frozen=True)
class Naming:
    """How our models and configurations are called, and the cost tags that they bear."""

    environment: str
    region: str

    @classmethod
    def of(cls, settings: Settings) -> Naming:
        """The naming of a deployment."""
        return cls(settings.environment, settings.region)

    def prefix(self, kind: str) -> str:
        """Of the names of all models (`model`) or configurations (`config`) that workflows make."""
        return f"ml-pipeline-sagemaker-{kind}-{self.environment}-{self.region}-"

    def name(self, kind: str, version: str, content: Any) -> str:
        """A name that stands for its content: what has the same name is the same thing.

        The version is in it as far as there is room.
        """
        digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_HASH_CHARACTERS]
        room = LONGEST_NAME - len(self.prefix(kind)) - _HASH_CHARACTERS - 1
        plain = re.sub(r"[^A-Za-z0-9]+", "-", version)[: max(0, room)].strip("-")
        return self.prefix(kind) + "-".join(part for part in (plain, digest) if part)

    @property
    def tags(self) -> list[dict[str, str]]:
        """As SageMaker takes them."""
        return [{"Key": "Environment", "Value": self.environment}, {"Key": "Project", "Value": "ml-pipeline"}]


def new_version(version: RegisteredVersion, into: Variant, served: Served, execution: str, naming: Naming) -> Requests:
    """What brings a version into a variant, without traffic at first.

    Parameters
    ----------
    into
        The variant whose model is replaced; the other one gets all traffic meanwhile.
    execution
        ARN of the execution. Another execution makes things of its own, even of the same content.
    """
    model = new_model(version, into, served, execution, naming)
    variants = []
    for variant in served.variants:
        replaced = variant.name == into.name
        variants.append(
            {
                **variant.settings,
                "ModelName": model["ModelName"] if replaced else variant.settings["ModelName"],
                "InitialInstanceCount": variant.instances,
                "InitialVariantWeight": 0.0 if replaced else 100.0,
            }
        )
    kept = {key: value for key, value in served.config.items() if key not in _NOT_OF_A_REQUEST}
    content = {**kept, "ProductionVariants": variants, "Tags": naming.tags}
    config = {"EndpointConfigName": naming.name("config", version.version_id, [execution, content]), **content}
    return Requests(update_to(config["EndpointConfigName"], served), config, model)


def new_model(
    version: RegisteredVersion, into: Variant, served: Served, execution: str, naming: Naming
) -> dict[str, Any]:
    """The request for the model of a version: its image is its own, else that of the variant beside it."""
    like = served.other(into).model
    container = like["PrimaryContainer"]
    content = {
        "ExecutionRoleArn": like["ExecutionRoleArn"],
        "PrimaryContainer": {
            "Image": version.image or container["Image"],
            "ModelDataUrl": version.artifact,
            "Environment": {**container.get("Environment", {}), **served_environment(version)},
        },
        "EnableNetworkIsolation": bool(like.get("EnableNetworkIsolation", False)),
        "Tags": naming.tags,
    }
    if like.get("VpcConfig"):
        content["VpcConfig"] = like["VpcConfig"]
    return {"ModelName": naming.name("model", version.version_id, [execution, content]), **content}


def served_environment(version: RegisteredVersion) -> Mapping[str, str]:
    """What a model server is told of the version that it serves."""
    return {VERSION_VARIABLE: version.version_id, THRESHOLD_VARIABLE: str(version.threshold)}


def update_to(config: str, served: Served) -> dict[str, Any]:
    """UpdateEndpoint that keeps the numbers of instances to which the variants have scaled, but no weights."""
    return {
        "EndpointName": served.endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
    }

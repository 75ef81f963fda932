"""An endpoint and its variants: what the API shows of them, who takes the next request, what is saved.

Facts: Amazon SageMaker API reference, "DescribeEndpoint", "ProductionVariantSummary", "ProductionVariant" (a variant's
share of the traffic is its weight over the sum of weights; instances are chosen at random by default).
"""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from infra.local.sagemaker.errors import ValidationError
from infra.local.sagemaker.fleet import Fleet
from infra.local.sagemaker.instance import Instance

Record = dict[str, Any]

CREATING = "Creating"
IN_SERVICE = "InService"
UPDATING = "Updating"
SYSTEM_UPDATING = "SystemUpdating"
DELETING = "Deleting"
FAILED = "Failed"


@dataclass
class Variant:
    """A production variant.

    Attributes
    ----------
    settings
        Of the endpoint configuration (``ProductionVariant``).
    model
        Record of the model, as it was when the endpoint took it: replacing an instance needs nothing else.
    weight, count
        Desired weight and number of instances.
    fleet
        The instances; None before they are started.
    """

    settings: Record
    model: Record
    weight: float
    count: int
    fleet: Fleet | None = None

    @property
    def name(self) -> str:
        """Name of the variant."""
        name: str = self.settings["VariantName"]
        return name

    @property
    def serving(self) -> tuple[Instance, ...]:
        """The instances that take requests."""
        return self.fleet.serving if self.fleet else ()

    def pick(self) -> Instance | None:
        """Choose an instance for a request, None if none is there."""
        serving = self.serving
        if not serving:
            return None
        if self.settings.get("RoutingConfig", {}).get("RoutingStrategy") == "LEAST_OUTSTANDING_REQUESTS":
            return min(serving, key=lambda instance: instance.outstanding)
        return random.choice(serving)  # noqa: S311  (nothing secret about it)

    def summary(self) -> Record:
        """Return what DescribeEndpoint shows."""
        return {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": self.model["PrimaryContainer"]["Image"]}],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": len(self.serving),
            "DesiredInstanceCount": self.count,
            **{key: self.settings[key] for key in ("RoutingConfig",) if key in self.settings},
        }

    def saved(self) -> Record:
        """Return what survives a restart."""
        return {"settings": self.settings, "model": self.model, "weight": self.weight, "count": self.count}


@dataclass
class Endpoint:
    """An endpoint.

    Attributes
    ----------
    config_name
        Of the endpoint configuration that serves.
    pending_config
        Of the one that is being deployed.
    asleep
        It was InService in a former life, and its instances have not been started in this one.
    settled
        Set while nothing is being changed.
    """

    name: str
    arn: str
    config_name: str
    variants: dict[str, Variant]
    status: str = CREATING
    failure_reason: str | None = None
    created_at: float = field(default_factory=time.time)
    modified_at: float = field(default_factory=time.time)
    pending_config: str | None = None
    asleep: bool = False
    settled: threading.Event = field(default_factory=threading.Event)
    _credits: dict[str, float] = field(default_factory=dict)

    def next_variant(self) -> Variant:
        """Choose the variant of the next request: smoothly interleaved, each exactly by its weight."""
        variants = self.variants
        total = sum(variant.weight for variant in variants.values())
        credits_ = {name: self._credits.get(name, 0.0) + variant.weight for name, variant in variants.items()}
        chosen = max(credits_, key=lambda name: credits_[name])
        credits_[chosen] -= total
        self._credits = credits_
        return variants[chosen]

    def check_settled(self) -> None:
        """Refuse what needs an endpoint at rest.

        Raises
        ------
        ValidationError
            If it is being changed.
        """
        if self.status not in (IN_SERVICE, FAILED):
            raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')

    def check_changeable(self) -> None:
        """Refuse what needs an endpoint in service and at rest.

        Raises
        ------
        ValidationError
            If it failed, or is being changed.
        """
        self.check_settled()
        if self.status == FAILED:
            raise ValidationError(f'Cannot update failed endpoint "{self.arn}". It can only be deleted.')

    def becomes(self, status: str, failure_reason: str | None = None) -> None:
        """Change the status."""
        self.status = status
        self.failure_reason = failure_reason
        self.modified_at = time.time()

    def description(self) -> Record:
        """Return what DescribeEndpoint shows."""
        pending = {"PendingDeploymentSummary": {"EndpointConfigName": self.pending_config}}
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config_name,
            "ProductionVariants": [variant.summary() for variant in self.variants.values()],
            "EndpointStatus": self.status,
            **({"FailureReason": self.failure_reason[:1024]} if self.failure_reason else {}),
            "CreationTime": self.created_at,
            "LastModifiedTime": self.modified_at,
            **(pending if self.pending_config else {}),
        }

    def summary(self) -> Record:
        """Return the endpoint's entry of ListEndpoints."""
        members = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        description = self.description()
        return {member: description[member] for member in members}

    def saved(self) -> Record:
        """Return what survives a restart; what was being changed is as it was before."""
        return {
            "name": self.name,
            "arn": self.arn,
            "config_name": self.config_name,
            "variants": [variant.saved() for variant in self.variants.values()],
            "status": FAILED if self.status == FAILED else IN_SERVICE,
            "failure_reason": self.failure_reason,
            "created_at": self.created_at,
            "modified_at": self.modified_at,
        }


def loaded(saved: Record) -> Endpoint:
    """Return the endpoint that was saved; one that was in service sleeps."""
    variants = [Variant(**variant) for variant in saved["variants"]]
    endpoint = Endpoint(**{**saved, "variants": {variant.name: variant for variant in variants}})
    endpoint.asleep = endpoint.status == IN_SERVICE
    endpoint.settled.set()
    return endpoint

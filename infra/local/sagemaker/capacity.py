"""Numbers of instances: how many there are, how many there may be, and what a change of weights and numbers comes to.

Facts: Amazon SageMaker API reference, "UpdateEndpointWeightsAndCapacities", "DesiredWeightAndCapacity".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.local.sagemaker.configs import check_weights
from infra.local.sagemaker.endpoint import IN_SERVICE, SYSTEM_UPDATING, UPDATING, Endpoint
from infra.local.sagemaker.errors import ApiError, ValidationError

Record = dict[str, Any]

MOST_INSTANCES = 40
"""Of one account and region: each is a process of this machine. Double while an update has both fleets."""


@dataclass(frozen=True)
class Capacity:
    """Instances of a variant that serves.

    Attributes
    ----------
    desired, serving
        How many there should be and are.
    changing
        Whether the endpoint is being changed.
    """

    desired: int
    serving: int
    changing: bool


@dataclass(frozen=True)
class Balance:
    """Weights and numbers of instances that an endpoint is to have, by variant."""

    weights: dict[str, float]
    counts: dict[str, int]


def capacity_of(endpoint: Endpoint | None, variant: str) -> Capacity | None:
    """Return the instances of a variant, ``None`` if there is none that serves, or it sleeps."""
    if endpoint is None or endpoint.asleep or variant not in endpoint.variants:
        return None
    if endpoint.status not in (IN_SERVICE, UPDATING, SYSTEM_UPDATING):
        return None
    found = endpoint.variants[variant]
    return Capacity(found.count, len(found.serving), changing=endpoint.status != IN_SERVICE)


def check_capacity(others: Iterable[Endpoint], wanted: int) -> None:
    """Refuse more instances than this machine should have.

    Raises
    ------
    ApiError
        ``ResourceLimitExceeded``.
    """
    used = sum(variant.count for endpoint in others for variant in endpoint.variants.values())
    if used + wanted > MOST_INSTANCES:
        raise ApiError(
            "ResourceLimitExceeded",
            f"The account-level service limit 'instances of the embedded SageMaker' is {MOST_INSTANCES} Instances, "
            f"with current utilization of {used} Instances and a request delta of {wanted} Instances.",
        )


def balance(endpoint: Endpoint, desired: list[Record]) -> Balance:
    """Return what an endpoint's variants are to have when `desired` is done.

    Raises
    ------
    ValidationError
        If a variant is unknown, or nobody would be left to answer.
    """
    changes = {change["VariantName"]: change for change in desired}
    for name, change in changes.items():
        if name not in endpoint.variants:
            raise ValidationError(f'Could not find variant "{name}" of endpoint "{endpoint.arn}".')
        if change.get("DesiredInstanceCount") == 0:
            raise ValidationError("DesiredInstanceCount must be at least 1.")
    variants = endpoint.variants.values()
    weights = {v.name: changes.get(v.name, {}).get("DesiredWeight", v.weight) for v in variants}
    counts = {v.name: changes.get(v.name, {}).get("DesiredInstanceCount", v.count) for v in variants}
    check_weights(list(weights.values()))
    return Balance(weights, counts)

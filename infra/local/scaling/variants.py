"""What scaling knows of a variant, and the one thing that it does to it."""

from dataclasses import dataclass
from typing import Protocol

from infra.local.sagemaker import ApiError, SageMakerService
from infra.local.sagemaker.addresses import Place as HostingPlace
from infra.local.scaling.errors import NotScaledError
from infra.local.scaling.targets import Place


@dataclass(frozen=True)
class Variant:
    """A variant that serves, at one moment.

    Attributes
    ----------
    desired, serving
        Numbers of instances.
    invocations
        For each instance, since the embedded AWS started: it only grows.
    changing
        Whether its endpoint is being changed, by whomever.
    """

    desired: int
    serving: int
    invocations: float
    changing: bool


class Variants(Protocol):
    """The variants of all endpoints."""

    def exists(self, place: Place, endpoint: str, variant: str) -> bool:
        """Whether an endpoint has a variant."""

    def find(self, place: Place, endpoint: str, variant: str) -> Variant | None:
        """Return a variant, ``None`` while it does not serve."""

    def resize(self, place: Place, endpoint: str, variant: str, count: int) -> None:
        """Begin to change the number of instances.

        Raises
        ------
        NotScaledError
            In SageMaker's words.
        """


class HostedVariants:
    """Those of the embedded SageMaker.

    Parameters
    ----------
    hosting
        The service.
    """

    def __init__(self, hosting: SageMakerService) -> None:
        self._hosting = hosting

    def exists(self, place: Place, endpoint: str, variant: str) -> bool:
        """See `Variants`."""
        found = self._hosting.region(_hosting(place)).endpoints.by_name.get(endpoint)
        return found is not None and variant in found.variants

    def find(self, place: Place, endpoint: str, variant: str) -> Variant | None:
        """See `Variants`; an endpoint that sleeps since a restart is not woken up."""
        capacity = self._hosting.region(_hosting(place)).endpoints.capacity(endpoint, variant)
        if capacity is None:
            return None
        invocations = self._hosting.metrics.per_instance(_hosting(place), endpoint, variant)
        return Variant(capacity.desired, capacity.serving, invocations, capacity.changing)

    def resize(self, place: Place, endpoint: str, variant: str, count: int) -> None:
        """See `Variants`."""
        wanted = [{"VariantName": variant, "DesiredInstanceCount": count}]
        try:
            self._hosting.region(_hosting(place)).endpoints.rebalance(endpoint, wanted)
        except ApiError as error:
            raise NotScaledError(str(error)) from error


def _hosting(place: Place) -> HostingPlace:
    return HostingPlace(place.account, place.region)

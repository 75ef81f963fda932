"""Endpoints of one account and region: their life from Creating to Deleting, on threads of their own.

A deployment starts the new instances, waits until all are healthy, switches, and ends the former ones. If they do not
become healthy, the former ones were never touched: the endpoint is InService again with its former configuration, and
only ``FailureReason`` tells (Amazon SageMaker API reference, "UpdateEndpoint", "DescribeEndpoint").

After a restart of the embedded AWS an endpoint sleeps until a call concerns it: then it is SystemUpdating until its
instances are healthy, and requests wait for them.
"""

import threading
from typing import Any

from infra.local.sagemaker.addresses import ENDPOINT, Place
from infra.local.sagemaker.capacity import Capacity, balance, capacity_of, check_capacity
from infra.local.sagemaker.configs import Configs, check_weights
from infra.local.sagemaker.deployment import Deployer
from infra.local.sagemaker.endpoint import (
    CREATING,
    DELETING,
    FAILED,
    SYSTEM_UPDATING,
    UPDATING,
    Endpoint,
    Variant,
    loaded,
)
from infra.local.sagemaker.errors import ValidationError
from infra.local.sagemaker.models import Models
from infra.local.sagemaker.transitions import Transitions

Record = dict[str, Any]


class Endpoints:
    """The endpoints; every method may be called from any thread.

    Parameters
    ----------
    place
        Account and region.
    models, configs
        Of the same place.
    deployer
        Starts and ends instances.

    Attributes
    ----------
    by_name
        All endpoints.
    """

    def __init__(
        self,
        place: Place,
        models: Models,
        configs: Configs,
        deployer: Deployer,
    ) -> None:
        self._place = place
        self._models = models
        self._configs = configs
        self._deployer = deployer
        self._lock = threading.RLock()
        self._transitions = Transitions(self._lock)
        self.by_name: dict[str, Endpoint] = {}

    def create(self, name: str, config_name: str) -> Record:
        """Begin to create an endpoint.

        Raises
        ------
        ValidationError
            If the name is taken, or the endpoint configuration or one of its models does not exist.
        """
        arn = self._place.arn(ENDPOINT, name)
        with self._lock:
            if name in self.by_name:
                raise ValidationError(f'Cannot create already existing endpoint "{arn}".')
            endpoint = Endpoint(name, arn, config_name, self._variants(config_name))
            check_capacity(self._others(endpoint), sum(variant.count for variant in endpoint.variants.values()))
            self.by_name[name] = endpoint
            self._transitions.begin(endpoint, CREATING, lambda: self._start(endpoint), failed=FAILED)
        return {"EndpointArn": arn}

    def update(self, name: str, config_name: str, retained: frozenset[str]) -> Record:
        """Begin to deploy another endpoint configuration.

        Parameters
        ----------
        retained
            Which of ``DesiredWeight`` and ``DesiredInstanceCount`` the variants keep that there are already.

        Raises
        ------
        ValidationError
            If there is no such endpoint, it is not in service, or the configuration does not exist.
        """
        with self._lock:
            endpoint = self._existing(name)
            endpoint.check_changeable()
            variants = self._variants(config_name)
            for variant in variants.values():
                former = endpoint.variants.get(variant.name)
                if former and "DesiredWeight" in retained:
                    variant.weight = former.weight
                if former and "DesiredInstanceCount" in retained:
                    variant.count = former.count
            check_weights([variant.weight for variant in variants.values()])
            check_capacity(self._others(endpoint), sum(variant.count for variant in variants.values()))
            endpoint.pending_config = config_name
            self._transitions.begin(endpoint, UPDATING, lambda: self._deploy(endpoint, config_name, variants))
        return {"EndpointArn": endpoint.arn}

    def rebalance(self, name: str, desired: list[Record]) -> Record:
        """Set weights at once, and begin to start or stop instances where their number changes.

        Raises
        ------
        ValidationError
            If there is no such endpoint or variant, it is not in service, or no weight would be left.
        """
        with self._lock:
            endpoint = self._existing(name)
            endpoint.check_changeable()
            wanted = balance(endpoint, desired)
            check_capacity(self._others(endpoint), sum(wanted.counts.values()))
            resized = {v.name: v.count for v in endpoint.variants.values() if wanted.counts[v.name] != v.count}
            for variant in endpoint.variants.values():
                variant.weight, variant.count = wanted.weights[variant.name], wanted.counts[variant.name]
            endpoint.becomes(endpoint.status)
            if resized and not endpoint.asleep:
                self._transitions.begin(endpoint, UPDATING, lambda: self._resize(endpoint, resized))
        return {"EndpointArn": endpoint.arn}

    def delete(self, name: str) -> str:
        """Begin to delete an endpoint; returns its ARN.

        Raises
        ------
        ValidationError
            If there is none, or it is being changed.
        """
        with self._lock:
            endpoint = self._existing(name)
            endpoint.check_settled()
            endpoint.asleep = False
            self._transitions.begin(endpoint, DELETING, lambda: self._remove(endpoint))
        return endpoint.arn

    def get(self, name: str) -> Endpoint:
        """Return an endpoint, waking it up if it sleeps.

        Raises
        ------
        ValidationError
            If there is none.
        """
        with self._lock:
            endpoint = self._existing(name)
            if endpoint.asleep:
                endpoint.asleep = False
                self._transitions.begin(endpoint, SYSTEM_UPDATING, lambda: self._start(endpoint), failed=FAILED)
            return endpoint

    def describe(self, name: str) -> Record:
        """Return what DescribeEndpoint shows."""
        endpoint = self.get(name)
        with self._lock:
            return endpoint.description()

    def capacity(self, name: str, variant: str) -> Capacity | None:
        """Return the instances of a variant that serves; nothing is woken up."""
        with self._lock:
            return capacity_of(self.by_name.get(name), variant)

    def summaries(self) -> list[Record]:
        """Return the entries of ListEndpoints; all that sleep wake up."""
        return [self.get(name).summary() for name in list(self.by_name)]

    def saved(self) -> list[Record]:
        """Return what survives a restart."""
        with self._lock:
            return [endpoint.saved() for endpoint in self.by_name.values() if endpoint.status != DELETING]

    def load(self, saved: list[Record]) -> None:
        """Take over what `saved` returned."""
        self.by_name = {record["name"]: loaded(record) for record in saved}

    def stop(self) -> None:
        """Kill every instance and wait until all are gone."""
        self._transitions.stop()
        self._deployer.stop()

    def _existing(self, name: str) -> Endpoint:
        if name not in self.by_name:
            raise ValidationError(f'Could not find endpoint "{self._place.arn(ENDPOINT, name)}".')
        return self.by_name[name]

    def _variants(self, config_name: str) -> dict[str, Variant]:
        config = self._configs.get(config_name)
        return {
            settings["VariantName"]: Variant(
                settings,
                self._models.get(settings["ModelName"]),
                weight=settings["InitialVariantWeight"],
                count=settings["InitialInstanceCount"],
            )
            for settings in config["ProductionVariants"]
        }

    def _others(self, endpoint: Endpoint) -> list[Endpoint]:
        return [other for other in self.by_name.values() if other is not endpoint]

    def _start(self, endpoint: Endpoint) -> None:
        self._deployer.bring_up(endpoint.name, list(endpoint.variants.values()))

    def _deploy(self, endpoint: Endpoint, config_name: str, variants: dict[str, Variant]) -> None:
        if endpoint.asleep:
            # What a failure would return to must be there.
            endpoint.asleep = False
            self._start(endpoint)
        self._deployer.bring_up(endpoint.name, list(variants.values()))
        with self._lock:
            former, endpoint.variants = endpoint.variants, variants
            endpoint.config_name = config_name
        self._deployer.take_down(former.values())

    def _resize(self, endpoint: Endpoint, former: dict[str, int]) -> None:
        resized = []
        try:
            for name in former:
                variant = endpoint.variants[name]
                assert variant.fleet is not None  # noqa: S101  (the endpoint is in service)
                variant.fleet.resize(variant.count)
                resized.append(name)
        finally:
            for name in former.keys() - resized:
                endpoint.variants[name].count = former[name]

    def _remove(self, endpoint: Endpoint) -> None:
        self._deployer.take_down(endpoint.variants.values())
        with self._lock:
            del self.by_name[endpoint.name]

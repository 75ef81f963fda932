"""Instances for variants: started together, healthy together or not at all, ended together."""

import threading
from collections.abc import Iterable

from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.artifacts import Artifacts
from infra.local.sagemaker.endpoint import Variant
from infra.local.sagemaker.fleet import Fleet, Limits
from infra.local.sagemaker.logs import EndpointLogs


class Deployer:
    """Gives variants their fleets and takes them away again.

    Parameters
    ----------
    place
        Account and region.
    artifacts
        Fetches models.
    logs
        Take what instances write.
    limits
        Times.
    """

    def __init__(self, place: Place, artifacts: Artifacts, logs: EndpointLogs, limits: Limits) -> None:
        self._place = place
        self._artifacts = artifacts
        self._logs = logs
        self._limits = limits
        self._lock = threading.Lock()
        self._fleets: set[Fleet] = set()
        self._stopped = False

    def bring_up(self, endpoint: str, variants: list[Variant]) -> None:
        """Start all instances of variants and wait until they are healthy; or else leave none.

        Raises
        ------
        DeploymentFailedError
            With the reason of the first variant that failed.
        """
        try:
            launched = []
            for variant in variants:
                fleet = variant.fleet = self._fleet(endpoint, variant)
                launched.append((variant, fleet, fleet.launch(variant.count)))
            for variant, fleet, instances in launched:
                startup = variant.settings.get("ContainerStartupHealthCheckTimeoutInSeconds")
                fleet.bring_into_service(instances, startup)
        except BaseException:
            self.take_down(variants)
            raise

    def take_down(self, variants: Iterable[Variant]) -> None:
        """Let the requests in work finish and end all instances of variants."""
        for variant in variants:
            if variant.fleet:
                variant.fleet.stop()
                with self._lock:
                    self._fleets.discard(variant.fleet)
                variant.fleet = None

    def stop(self) -> None:
        """Kill every instance and wait until all are gone; none is started any more."""
        with self._lock:
            self._stopped = True
            fleets = list(self._fleets)
        for fleet in fleets:
            fleet.kill()

    def _fleet(self, endpoint: str, variant: Variant) -> Fleet:
        container = self._artifacts.fetch(variant.model, self._place)
        write = self._logs.writer(self._place, endpoint, variant.name, container.credentials)
        fleet = Fleet(variant.name, container, write, self._limits)
        with self._lock:
            self._fleets.add(fleet)
            stopped = self._stopped
        if stopped:
            fleet.kill()
        return fleet

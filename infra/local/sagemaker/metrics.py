"""Metrics of endpoints, per variant, in CloudWatch: gathered while requests are served, put every few seconds.

Facts: Amazon SageMaker developer guide, "Metrics for monitoring Amazon SageMaker AI with Amazon CloudWatch": namespace
``AWS/SageMaker``, dimensions ``EndpointName`` and ``VariantName``, latencies in microseconds. On AWS a point comes each
minute; here each `INTERVAL_SECONDS`, so that one sees the effect of a request.
"""

import logging
import threading
from collections import Counter, defaultdict
from typing import Any

from infra.local.emulator import Services
from infra.local.sagemaker.addresses import Place

NAMESPACE = "AWS/SageMaker"
INTERVAL_SECONDS = 2.0
MOST_VALUES = 150
"""Different values of one datum (CloudWatch API reference, "MetricDatum")."""

_TARGET = "GraniteServiceVersion20100801.PutMetricData"
_MOST_DATA = 500

Key = tuple[str, str, str, str]
"""Endpoint, variant, metric, unit."""

_logger = logging.getLogger(__name__)


class Metrics:
    """Puts what endpoints measure; its thread starts with the first request.

    Parameters
    ----------
    services
        Of the embedded AWS.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._values: defaultdict[Place, defaultdict[Key, Counter[float]]] = defaultdict(lambda: defaultdict(Counter))
        self._per_instance: defaultdict[tuple[Place, str, str], float] = defaultdict(float)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def note(
        self, place: Place, endpoint: str, variant: str, *, status: int, model: float, overhead: float, instances: int
    ) -> None:
        """Note a request that was answered.

        Parameters
        ----------
        status
            What the model server answered; 0 if it did not.
        model, overhead
            Seconds that the model server, and everything else, took.
        instances
            How many serve the variant.
        """
        measured = (
            ("Invocations", "Count", 1.0),
            ("InvocationsPerInstance", "Count", 1.0 / max(1, instances)),
            ("ModelLatency", "Microseconds", float(round(model * 1e6))),
            ("OverheadLatency", "Microseconds", float(round(overhead * 1e6))),
            ("Invocation4XXErrors", "Count", float(400 <= status < 500)),
            ("Invocation5XXErrors", "Count", float(status >= 500 or status == 0)),
            ("InvocationModelErrors", "Count", float(not 200 <= status < 300)),
        )
        with self._lock:
            # Counted here too: scaling looks more often than points are put.
            self._per_instance[place, endpoint, variant] += 1.0 / max(1, instances)
            values = self._values[place]
            for metric, unit, value in measured:
                values[endpoint, variant, metric, unit][value] += 1
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="sagemaker-metrics", daemon=True)
                self._thread.start()

    def per_instance(self, place: Place, endpoint: str, variant: str) -> float:
        """Return a variant's invocations for each of its instances, since the start."""
        with self._lock:
            return self._per_instance[place, endpoint, variant]

    def stop(self) -> None:
        """Put what is left and end the thread."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_SECONDS):
            self._put()
        self._put()

    def _put(self) -> None:
        with self._lock:
            noted = dict(self._values)
            self._values.clear()
        for place, values in noted.items():
            data = [datum for key, counts in values.items() for datum in _data(key, counts)]
            for first in range(0, len(data), _MOST_DATA):
                try:
                    with self._services.scope(place.account, place.region):
                        request = {"Namespace": NAMESPACE, "MetricData": data[first : first + _MOST_DATA]}
                        self._services.call("monitoring", _TARGET, request)
                except Exception:
                    _logger.exception("metrics of endpoints were lost")


def _data(key: Key, counts: Counter[float]) -> list[dict[str, Any]]:
    endpoint, variant, metric, unit = key
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    common = {"MetricName": metric, "Unit": unit, "Dimensions": dimensions}
    items = list(counts.items())
    return [
        {**common, "Values": [value for value, _ in part], "Counts": [float(count) for _, count in part]}
        for part in (items[first : first + MOST_VALUES] for first in range(0, len(items), MOST_VALUES))
    ]

"""Changes of an endpoint that take time: each on a thread of its own, from one status to the next."""

import logging
import threading
from collections.abc import Callable

from infra.local.sagemaker.endpoint import IN_SERVICE, Endpoint
from infra.local.sagemaker.errors import DeploymentFailedError

_logger = logging.getLogger(__name__)


class Transitions:
    """Begins changes, and brings endpoints to rest after them.

    Parameters
    ----------
    lock
        Held while an endpoint's status is changed.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._stopping = False

    def begin(self, endpoint: Endpoint, status: str, work: Callable[[], None], failed: str = IN_SERVICE) -> None:
        """Do `work` on a thread while the endpoint has `status`; it is InService after it, or `failed`."""
        endpoint.becomes(status)
        endpoint.settled.clear()

        def run() -> None:
            after, reason = IN_SERVICE, None
            try:
                work()
            except DeploymentFailedError as error:
                after, reason = failed, str(error)
            except Exception as error:  # an endpoint must come to rest whatever happens to its thread
                _logger.exception("endpoint %s", endpoint.arn)
                after, reason = failed, f"Internal error: {error!r}"
            with self._lock:
                endpoint.pending_config = None
                if not self._stopping:
                    endpoint.becomes(after, reason)
            endpoint.settled.set()

        threading.Thread(target=run, name=f"sagemaker-{endpoint.name}", daemon=True).start()

    def stop(self) -> None:
        """Leave every endpoint in the status that it has."""
        with self._lock:
            self._stopping = True

"""The instances of one variant: brought into service, kept at their number, replaced when they die.

Facts: Amazon SageMaker developer guide, "Use Your Own Inference Code with Hosting Services": a container that does not
answer ``/ping`` with 200 within 8 minutes after its start fails the deployment. Here one that ends by itself in that
time fails it at once.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.sagemaker.artifacts import Container
from infra.local.sagemaker.errors import DeploymentFailedError
from infra.local.sagemaker.instance import Instance

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Times in seconds.

    Attributes
    ----------
    startup
        In which a new instance must be healthy, unless the endpoint configuration says otherwise.
    ping_timeout, ping_interval, failed_pings
        Health checks; an instance that failed so many in a row is replaced.
    replacement_pause, longest_replacement_pause
        Before a replacement that failed is tried again; it doubles with every failure.
    drain, stop_grace
        How long requests may take to finish before SIGTERM, and the model server before SIGKILL.
    """

    startup: float = 480.0
    ping_timeout: float = 2.0
    ping_interval: float = 5.0
    failed_pings: int = 6
    replacement_pause: float = 1.0
    longest_replacement_pause: float = 60.0
    drain: float = 60.0
    stop_grace: float = 30.0


class Fleet:
    """The instances of a variant.

    Parameters
    ----------
    name
        Of the variant, for messages.
    container
        What each instance runs; discarded with the fleet.
    write_log
        Receives an instance's id and lines that it wrote.
    limits
        Times.
    """

    def __init__(
        self, name: str, container: Container, write_log: Callable[[str, list[str]], None], limits: Limits
    ) -> None:
        self._name = name
        self._container = container
        self._write_log = write_log
        self._limits = limits
        self._serving: tuple[Instance, ...] = ()
        self._alive: set[Instance] = set()
        self._wanted = 0
        self._lock = threading.Lock()
        self._attention = threading.Event()
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def serving(self) -> tuple[Instance, ...]:
        """The instances that take requests."""
        return self._serving

    def launch(self, count: int) -> list[Instance]:
        """Start processes; they serve once `bring_into_service` has seen them healthy."""
        with self._lock:
            if self._stopping.is_set():
                return []
            launched = [Instance(self._container, self._write_log, self._attention.set) for _ in range(count)]
            self._alive.update(launched)
            return launched

    def bring_into_service(self, launched: list[Instance], startup: float | None = None) -> None:
        """Wait until launched instances are healthy and let them serve.

        Raises
        ------
        DeploymentFailedError
            If one is not in time, or ends; then none of them serves, and all are killed.
        """
        self._await_health(launched, startup or self._limits.startup)
        with self._lock:
            self._serving += tuple(launched)
            self._wanted += len(launched)
            if self._keeper is None and not self._stopping.is_set():
                self._keeper = threading.Thread(target=self._keep, name=f"sagemaker-keep-{self._name}", daemon=True)
                self._keeper.start()

    def resize(self, count: int) -> None:
        """Start or stop instances until `count` serve.

        Raises
        ------
        DeploymentFailedError
            If new ones do not become healthy; the number is the former one then.
        """
        with self._lock:
            leaving, more = self._serving[count:], count - self._wanted
            if more < 0:
                self._wanted, self._serving = count, self._serving[:count]
        if more > 0:
            self.bring_into_service(self.launch(more))
        else:
            self._end(leaving)

    def stop(self) -> None:
        """Let the requests in work finish, end every process and discard the model."""
        serving = self._give_up()
        self._end(serving)
        self.kill()

    def kill(self) -> None:
        """End every process at once and discard the model."""
        self._give_up()
        for instance in list(self._alive):
            instance.kill()
        for instance in list(self._alive):
            instance.ended.wait(self._limits.stop_grace)
        if self._keeper and self._keeper is not threading.current_thread():
            self._keeper.join(self._limits.stop_grace)
        self._container.discard()

    def _give_up(self) -> tuple[Instance, ...]:
        with self._lock:
            self._stopping.set()
            serving, self._serving, self._wanted = self._serving, (), 0
        self._attention.set()
        return serving

    def _end(self, leaving: tuple[Instance, ...]) -> None:
        """End instances that no request is routed to any more."""
        deadline = time.monotonic() + self._limits.drain
        for instance in leaving:
            while instance.outstanding and not instance.ended.is_set() and time.monotonic() < deadline:
                time.sleep(0.02)
            instance.terminate()
        deadline = time.monotonic() + self._limits.stop_grace
        for instance in leaving:
            if not instance.ended.wait(max(0.0, deadline - time.monotonic())):
                instance.kill()
                instance.ended.wait()
        with self._lock:
            self._alive.difference_update(leaving)

    def _await_health(self, launched: list[Instance], startup: float) -> None:
        """Wait until all are healthy; if one is not in time, or ends, kill all."""
        deadline = time.monotonic() + startup
        if all(self._becomes_healthy(instance, deadline) for instance in launched):
            return
        for instance in launched:
            instance.kill()
        raise DeploymentFailedError(
            f"The primary container for production variant {self._name} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )

    def _becomes_healthy(self, instance: Instance, deadline: float) -> bool:
        while not instance.ended.is_set() and time.monotonic() < deadline and not self._stopping.is_set():
            if instance.ping(self._limits.ping_timeout):
                return True
            instance.ended.wait(0.05)
        return False

    def _keep(self) -> None:
        """Replace what dies or no longer answers to pings, until the fleet stops."""
        failed_pings: dict[Instance, int] = {}
        pause = self._limits.replacement_pause
        while not self._stopping.is_set():
            self._attention.wait(self._limits.ping_interval)
            self._attention.clear()
            failed_pings = {instance: self._failed_pings(instance, failed_pings) for instance in self._serving}
            missing = self._remove_the_dead()
            if not missing:
                pause = self._limits.replacement_pause
                continue
            try:
                self._replace(missing)
            except DeploymentFailedError as error:
                _logger.warning("%s Trying again in %g s.", error, pause)
                self._stopping.wait(pause)
                pause = min(2 * pause, self._limits.longest_replacement_pause)
            self._attention.set()

    def _failed_pings(self, instance: Instance, before: dict[Instance, int]) -> int:
        """Return how many pings in a row failed; too many end the instance."""
        if instance.ended.is_set() or instance.ping(self._limits.ping_timeout):
            return 0
        failed = before.get(instance, 0) + 1
        if failed >= self._limits.failed_pings:
            instance.kill()
            instance.ended.wait()
        return failed

    def _remove_the_dead(self) -> int:
        """Return how many instances are missing."""
        with self._lock:
            self._serving = tuple(instance for instance in self._serving if not instance.ended.is_set())
            self._alive = {instance for instance in self._alive if not instance.ended.is_set()}
            return max(0, self._wanted - len(self._serving))

    def _replace(self, missing: int) -> None:
        launched = self.launch(missing)
        self._await_health(launched, self._limits.startup)
        with self._lock:
            room = max(0, self._wanted - len(self._serving))
            self._serving += tuple(launched[:room])
        self._end(tuple(launched[room:]))

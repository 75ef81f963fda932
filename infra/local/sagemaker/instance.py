"""One instance of a variant: a model server as a process of this machine.

Facts: Amazon SageMaker developer guide, "Use Your Own Inference Code with Hosting Services": ``GET /ping`` answers 200
within 2 seconds when the container can take requests; SIGTERM comes 30 seconds before SIGKILL.
"""

import contextlib
import http.client
import secrets
import socket
import threading
from collections.abc import Callable

from infra.local.batch.process import JobProcess
from infra.local.sagemaker.artifacts import Container
from infra.local.sagemaker.connections import Connections
from infra.local.sagemaker.lines import Lines

_HOST = "127.0.0.1"


class Instance:
    """A model server with a port of its own.

    It ends with `stop`, and with this process, however that ends.

    Parameters
    ----------
    container
        What runs.
    write_log
        Receives the instance's id and lines that it wrote.
    on_end
        Called on a thread of the instance when it ended, for whatever reason.

    Attributes
    ----------
    instance_id
        Like those of EC2.
    ended
        Set when its processes are gone and its last lines written.
    connections
        To the model server.
    outstanding
        Requests that wait for its answer; the event loop's thread counts.

    Side effects: starts a process and a thread. `stop` must be called.
    """

    def __init__(
        self, container: Container, write_log: Callable[[str, list[str]], None], on_end: Callable[[], None]
    ) -> None:
        self.instance_id = f"i-{secrets.token_hex(9)[:17]}"
        self.ended = threading.Event()
        self.outstanding = 0
        self._lines = Lines(lambda lines: write_log(self.instance_id, lines))
        self._on_end = on_end
        self._reservation = _reserve_port()
        self.port: int = self._reservation.getsockname()[1]
        self.connections = Connections(self.port)
        self._process = JobProcess(container.argv, {**container.environment, "SAGEMAKER_BIND_TO_PORT": str(self.port)})
        threading.Thread(target=self._attend, name=f"sagemaker-{self.instance_id}", daemon=True).start()

    def ping(self, timeout: float) -> bool:
        """Whether the model server says that it is healthy within `timeout` seconds."""
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=timeout)
        try:
            connection.request("GET", "/ping")
            healthy = connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if healthy:
            self._reservation.close()
        return healthy

    def terminate(self) -> None:
        """Send SIGTERM to the model server."""
        self._process.terminate()

    def kill(self) -> None:
        """End all its processes at once."""
        self._process.kill()

    def _attend(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._on_end)
            stack.callback(self.ended.set)
            stack.callback(self._reservation.close)
            stack.callback(self.connections.close_soon)
            stack.callback(self._lines.close)
            stack.callback(self._process.wait)
            stack.callback(self._process.kill)
            self._process.read_output(self._lines.feed, self._lines.flush_when_due)


def _reserve_port() -> socket.socket:
    """Bind a free port without listening on it.

    Nobody else is given the port meanwhile, while a server that sets ``SO_REUSEADDR``, as servers do, can bind it.
    """
    reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind((_HOST, 0))
    return reservation

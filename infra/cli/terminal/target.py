"""Which AWS a command talks to: the embedded one that runs here, or an account.

The embedded AWS is the default and an account must be asked for by name (`--target aws`): a command typed
while the embedded AWS happens to be down must never reach a production account instead.
"""

import json
import os
import socket
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.cli.terminal.errors import RefusedError, UnavailableError
from infra.naming import ENVIRONMENTS, Names

if TYPE_CHECKING:
    import boto3

HOME = Path(".ml-pipeline")
"""Everything that commands leave behind, below the folder they are called in."""

LOCAL_FILE = HOME / "local.json"
"""Says where the running embedded AWS listens; exists only while it runs."""

SOURCE_ROOT = Path(__file__).resolve().parents[3]
"""The folder that holds the packages `workflows`, `tasks`, `batch_jobs` and `infra`."""

LOCAL_REGION = "us-east-1"


# Sessions of boto3 must not make two clients at the same time (boto3 guide, "Multithreading or multiprocessing").
_MAKING = Lock()


class Where(StrEnum):
    """Which AWS the user wants."""

    LOCAL = "local"
    AWS = "aws"


@dataclass(frozen=True)
class Target:
    """One AWS, and one deployment of the pipeline in it.

    Parameters
    ----------
    endpoint_url
        Where the embedded AWS listens; None for AWS itself.
    region
        Region of every call.
    environment
        Which deployment of the pipeline: `dev`, `staging` or `prod`.
    """

    endpoint_url: str | None
    region: str
    environment: str

    @property
    def is_local(self) -> bool:
        """Whether this is an embedded AWS."""
        return self.endpoint_url is not None

    @cached_property
    def account(self) -> str:
        """The account's number.

        Raises
        ------
        UnavailableError
            If AWS does not take the credentials.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        from infra.cli.terminal.credentials import explain

        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as error:
            raise explain(error) or error from error

    def client(self, service: str) -> Any:
        """Make a boto3 client for a service of this AWS."""
        from botocore.config import Config

        # A dead endpoint on this machine will not come back: few tries, so that the user hears of it at once.
        config = Config(
            connect_timeout=3 if self.is_local else 10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 2 if self.is_local else 5},
        )
        make: Any = self._session.client  # the stubs know each service by its own type; here the name is a variable
        with _MAKING:
            return make(service, endpoint_url=self.endpoint_url, config=config)

    @cached_property
    def _session(self) -> "boto3.Session":
        import boto3

        # The embedded AWS takes any credentials; without some, boto3 would look for them over the network.
        key = "test" if self.is_local else None
        return boto3.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name=self.region)

    @property
    def names(self) -> Names:
        """The names of everything that is deployed there."""
        return Names(self.environment, self.region, self.account)

    def state_machine_arn(self, workflow: str) -> str:
        """Address a workflow's state machine; callers that start it add its alias."""
        return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{self.names.state_machine(workflow)}"


def make_private(folder: Path) -> Path:
    """Make `HOME` or a folder in it, whole path and all, and return it.

    Keys, logs and predictions lie there. So `HOME` is closed to other users of the machine, also one that was not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    HOME.chmod(0o700)
    return folder


def local_endpoint() -> str | None:
    """Return the URL of the embedded AWS that runs for this folder, or None.

    A file left by one that was killed does not count: its process is gone, or another one has its number now.
    """
    try:
        running = json.loads(LOCAL_FILE.read_text())
        url, pid = str(running["url"]), int(running["pid"])
        os.kill(pid, 0)
        address = urlsplit(url)
        socket.create_connection((address.hostname or "", address.port or 80), timeout=2).close()
    except (OSError, ValueError, KeyError):
        return None
    return url


def find_target(where: Where, environment: str) -> Target:
    """Decide which AWS to use.

    For `Where.LOCAL` the endpoint is `AWS_ENDPOINT_URL`, or else that of the embedded AWS of this folder.

    Raises
    ------
    UnavailableError
        If no embedded AWS runs and AWS was not asked for.
    RefusedError
        If there is no such environment, AWS was asked for while `AWS_ENDPOINT_URL` points elsewhere, or no region is
        set for it.
    """
    if environment not in ENVIRONMENTS:
        raise RefusedError(f"There is no environment {environment!r}.", f"There are: {', '.join(ENVIRONMENTS)}.")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if where is Where.AWS:
        if endpoint:
            raise RefusedError(
                f"--target aws asks for AWS itself, but AWS_ENDPOINT_URL is {endpoint}.", "Unset the one or the other."
            )
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region:
            raise RefusedError("--target aws needs a region.", "Set AWS_REGION, for instance to us-east-1.")
        return Target(None, region, environment)
    endpoint = endpoint or local_endpoint()
    if endpoint is None:
        raise UnavailableError(
            "No embedded AWS is running for this folder.",
            "Start it in another terminal with `make local`, or use your account with --target aws.",
        )
    return Target(endpoint, os.environ.get("AWS_REGION", LOCAL_REGION), environment)

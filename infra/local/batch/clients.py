"""Calls that AWS Batch and Amazon ECS make for a job, through boto3 against the embedded AWS itself."""

import threading
from typing import Any, Protocol

import boto3
from botocore.config import Config

from infra.local.batch.errors import TaskNotStartedError
from infra.local.errors import RoleNotAssumableError

TASK_SERVICE = "ecs-tasks.amazonaws.com"


class RoleCredentials(Protocol):
    """Temporary credentials of a role."""

    def environment(self) -> dict[str, str]:
        """Return the variables from which AWS's SDKs read credentials."""


class Roles(Protocol):
    """Acts as roles on behalf of services."""

    def assume(self, role_arn: str, service: str, session_name: str) -> RoleCredentials:
        """Return credentials, or raise `RoleNotAssumableError`."""


class TaskClients:
    """Makes clients and credentials for the roles of tasks.

    Parameters
    ----------
    endpoint_url
        The embedded AWS.
    roles
        Acts as roles.
    """

    def __init__(self, endpoint_url: str, roles: Roles) -> None:
        self.endpoint_url = endpoint_url
        self._roles = roles
        self._session = boto3.Session()
        self._lock = threading.Lock()
        self._config = Config(retries={"mode": "standard", "max_attempts": 3})

    def client(self, service: str, region: str, account: str, role_arn: str | None, task_id: str) -> Any:
        """Return a client that acts as a role; without one, as the account, like an instance's own role would.

        Raises
        ------
        TaskNotStartedError
            If tasks cannot assume the role.
        """
        keys = self.credentials(role_arn, task_id) if role_arn else {"AWS_ACCESS_KEY_ID": account}
        with self._lock:  # a session is not made for several threads
            return self._session.client(
                service,  # type: ignore[call-overload]
                region_name=region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=keys.get("AWS_SECRET_ACCESS_KEY", "none"),
                aws_session_token=keys.get("AWS_SESSION_TOKEN"),
                config=self._config,
            )

    def credentials(self, role_arn: str, task_id: str) -> dict[str, str]:
        """Return the environment variables with credentials of a role.

        Raises
        ------
        TaskNotStartedError
            If tasks cannot assume the role.
        """
        try:
            return self._roles.assume(role_arn, TASK_SERVICE, task_id).environment()
        except RoleNotAssumableError as error:
            raise TaskNotStartedError(
                f"ECS was unable to assume the role '{role_arn}' that was provided for this task. Please verify that "
                "the role being passed has the proper trust relationship and permissions and that your IAM user has "
                f"permissions to pass this role. ({error})"
            ) from error

"""Calls of AWS APIs with the credentials of a role, off the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import botocore.session
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.errors import RoleNotAssumableError
from infra.local.step_functions.integrations.refusals import refuse
from workflows.interpreter.errors import StatesError

CONCURRENT_CALLS = 256
"""Calls under way at once. Waiting for jobs, nested executions and tokens needs none: that waits on the loop."""

SESSION_NAME = "step-functions"
"""Shown in the ARN of the assumed role."""

_LONGEST_CALL_SECONDS = 15 * 60 + 30  # a Lambda function's longest run, and a margin
_RENEWAL_MARGIN_SECONDS = 300


class RoleCredentials(Protocol):
    """Temporary credentials; `expires` in epoch seconds."""

    @property
    def access_key(self) -> str: ...  # noqa: D102
    @property
    def secret_key(self) -> str: ...  # noqa: D102
    @property
    def session_token(self) -> str: ...  # noqa: D102
    @property
    def expires(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Identity:
    """In whose name a task calls.

    Attributes
    ----------
    role_arn
        The state machine's role.
    region
        Where the execution runs.
    task_role_arn
        Role of the state's `Credentials`, which the state machine's role assumes.
    """

    role_arn: str
    region: str
    task_role_arn: str | None = None


class CallFailed(Exception):
    """A service refused a call; integrations word it as Step Functions does.

    Attributes
    ----------
    client
        Knows the service's model.
    code, message, status, request_id
        What the service answered.
    shape_name
        Name of the error in the service's model, if it is not the code.
    extended_request_id
        S3's second id.
    """

    def __init__(self, client: BaseClient, error: ClientError) -> None:
        super().__init__(str(error))
        metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
        details: Mapping[str, Any] = error.response.get("Error", {})
        self.client = client
        self.code = str(details.get("Code", "Unknown"))
        self.shape_name = str(details.get("QueryErrorCode", self.code))
        self.message = str(details.get("Message", ""))
        self.status = int(metadata.get("HTTPStatusCode", 500))
        self.request_id = str(metadata.get("RequestId", ""))
        self.extended_request_id = str(metadata.get("HostId") or self.request_id)


class Unreachable(Exception):
    """No answer came: the client could not build or send the request."""


class Calls:
    """Clients of the embedded AWS, one for each role and service, shared by all executions.

    Parameters
    ----------
    endpoint_url
        The embedded AWS.
    assume
        Gives the credentials of a state machine's role in a region; raises `RoleNotAssumableError`.
    """

    def __init__(self, endpoint_url: str, assume: Callable[[str, str], RoleCredentials]) -> None:
        self.endpoint_url = endpoint_url
        self._assume = assume
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="step-functions-call")
        self._session = botocore.session.Session()
        self._clients_lock = threading.Lock()
        self._credentials_lock = threading.Lock()
        self._credentials: dict[Identity, RoleCredentials] = {}
        self._models_lock = threading.Lock()
        self._models: dict[str, Any] = {}
        self._clients: dict[tuple[str, str, str], BaseClient] = {}
        self._config = Config(
            parameter_validation=False,
            inject_host_prefix=False,
            max_pool_connections=CONCURRENT_CALLS,
            connect_timeout=5,
            read_timeout=_LONGEST_CALL_SECONDS,
            retries={"total_max_attempts": 1, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        )

    async def __call__(
        self, identity: Identity, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call `operation` (``SubmitJob``) of botocore's `service` and return its answer, metadata included.

        Raises
        ------
        CallFailed
            If the service refused the call.
        Unreachable
            If no request could be made of the arguments, or no answer came.
        StatesError
            If the role cannot be assumed.
        """
        answer: dict[str, Any] = await self.off_loop(self._call, identity, service, operation, arguments)
        return answer

    async def off_loop(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do blocking work on a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def model(self, service: str) -> Any:
        """Return botocore's description of a service."""
        with self._models_lock:
            if service not in self._models:
                self._models[service] = self._session.get_service_model(service)
        return self._models[service]

    def credentials(self, identity: Identity) -> RoleCredentials:
        """Return credentials that are good for some minutes at least.

        Raises
        ------
        StatesError
            If the role cannot be assumed.
        """
        with self._credentials_lock:
            known = self._credentials.get(identity)
            if known is None or known.expires - _RENEWAL_MARGIN_SECONDS < time.time():
                known = self._credentials[identity] = self._assumed(identity)
        return known

    def client(self, identity: Identity, service: str) -> BaseClient:
        """Return a client; creating one takes milliseconds. Raises as `credentials` does."""
        credentials = self.credentials(identity)
        key = (service, identity.region, credentials.access_key)
        with self._clients_lock:
            if key not in self._clients:
                self._clients[key] = self._new_client(service, identity.region, credentials)
        return self._clients[key]

    def close(self) -> None:
        """Start no further calls; those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def _call(self, identity: Identity, service: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        client = self.client(identity, service)
        try:
            refuse(service, client.meta.service_model.operation_model(operation), arguments)
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**arguments)
        except ClientError as error:
            raise CallFailed(client, error) from error
        except (BotoCoreError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return answer

    def _new_client(self, service: str, region: str, credentials: RoleCredentials) -> BaseClient:
        return self._session.create_client(
            service,
            region_name=region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.session_token,
            config=self._config,
        )

    def _assumed(self, identity: Identity) -> RoleCredentials:
        try:
            credentials = self._assume(identity.role_arn, identity.region)
        except RoleNotAssumableError as error:
            raise StatesError("States.TaskFailed", str(error)) from error
        if identity.task_role_arn is None:
            return credentials
        sts: Any = self._new_client("sts", identity.region, credentials)
        try:
            given = sts.assume_role(RoleArn=identity.task_role_arn, RoleSessionName=SESSION_NAME)["Credentials"]
        except ClientError as error:
            cause = (
                f"The role {identity.role_arn} is not authorized to assume the task state's role, "
                f"{identity.task_role_arn}."
            )
            raise StatesError("States.TaskFailed", cause) from error
        return GivenCredentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"].timestamp()
        )


@dataclass(frozen=True, slots=True)
class GivenCredentials:
    """Credentials, as they were given; see `RoleCredentials`."""

    access_key: str
    secret_key: str
    session_token: str
    expires: float


ROOT = GivenCredentials("test", "test", "test", expires=0.0)
"""The account's root on the embedded AWS. They count as expired, so that a role is looked for at every call."""

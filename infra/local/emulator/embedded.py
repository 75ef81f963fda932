"""One emulator in this process, with its seams."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.local.emulator import (
    alarms,
    cloudformation,
    custom_resources,
    functions,
    identities,
    internal_paths,
    networks,
    objects,
    pages,
    parameters,
    permissions,
    private_names,
    rest_api_limits,
    rest_apis,
    schedules,
    services,
    snapshots,
    streams,
    tables,
)
from infra.local.emulator import state_machines as state_machines_seam
from infra.local.emulator.private_names import Needs, module

ACCOUNT = "000000000000"

SERVICES = (
    "apigateway,athena,cloudformation,dynamodb,dynamodbstreams,ec2,ecr,events,glue,iam,kinesis,kms,lambda,logs,"
    "monitoring,s3,scheduler,secretsmanager,sns,sqs,ssm,states,sts,tagging"
)
"""What the emulator serves by itself. Its other services are shut: some answer without doing anything."""

NEEDS: Needs = {
    "app": ("app",),
    "core.lambda_runtime": ("reset",),
}


class Emulator:
    """The emulator, checked and opened.

    Importing it reads its settings from the environment, so that a process can hold one only.

    Parameters
    ----------
    port
        Port that it will be served on; it tells its own URL to Lambda functions.
    directory
        Existing directory for everything it keeps: snapshots, the bodies of S3 objects, unpacked functions.
    keep_state
        Whether a later start in the same directory finds the state again.

    Attributes
    ----------
    services
        Register, wrap and call services (`Services`).
    alarms
        CloudWatch alarms (`Alarms`).
    identities
        Act as roles (`Identities`).
    permissions
        What a caller may do (`Permissions`).
    resources
        CloudFormation resource types (`Resources`).
    functions
        Lambda (`Functions`).
    state_machines
        Step Functions records and start points (`StateMachines`).
    internal_paths
        Paths that are the emulator's own (`InternalPaths`).
    networks
        Records of network ACLs (`Networks`).
    objects
        Bodies of S3 objects (`Objects`).
    pages
        What web pages may ask (`Pages`).
    parameters
        Parameter Store (`Parameters`).
    rest_apis
        API Gateway's REST APIs (`RestApis`).
    rest_api_limits
        What REST APIs refuse (`RestApiLimits`).
    schedules
        EventBridge's schedules and rules (`Schedules`).
    streams
        Kinesis streams that Lambda reads (`Streams`).

    Raises
    ------
    EmulatorChangedError
        If the installed emulator lacks a private name that is bound here.
    """

    def __init__(self, port: int, directory: Path, *, keep_state: bool) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.account = ACCOUNT
        self.directory = directory
        self._stops: list[Callable[[], None]] = []
        snapshot_directory = directory / "snapshot"
        snapshots.recover(snapshot_directory)
        self._environment = dict(os.environ)
        _configure(port, directory, snapshot_directory, keep_state=keep_state)
        with _root_logger_untouched():
            private_names.check(
                NEEDS,
                alarms.NEEDS,
                cloudformation.NEEDS,
                custom_resources.NEEDS,
                functions.NEEDS,
                identities.NEEDS,
                internal_paths.NEEDS,
                networks.NEEDS,
                objects.NEEDS,
                pages.NEEDS,
                parameters.NEEDS,
                permissions.NEEDS,
                rest_api_limits.NEEDS,
                rest_apis.NEEDS,
                schedules.NEEDS,
                services.NEEDS,
                snapshots.NEEDS,
                state_machines_seam.NEEDS,
                streams.NEEDS,
                tables.NEEDS,
            )
        self.app: Any = module("app").app
        self.identities = identities.Identities()
        self.permissions = permissions.Permissions()
        self.services = services.Services()
        self.alarms = alarms.Alarms(self.services)
        self.resources = cloudformation.Resources()
        self.functions = functions.Functions(self.permissions)
        self.internal_paths = internal_paths.InternalPaths()
        self.networks = networks.Networks()
        self.objects = objects.Objects()
        self.pages = pages.Pages(self.identities.is_issued)
        self.parameters = parameters.Parameters()
        self.rest_apis = rest_apis.RestApis()
        self.rest_api_limits = rest_api_limits.RestApiLimits()
        self.schedules = schedules.Schedules()
        self.streams = streams.Streams()
        custom_resources.fail_with_their_functions()
        tables.read_numbers_as_ascii()
        self.state_machines = state_machines_seam.StateMachines()
        self.snapshots = snapshots.Snapshots(snapshot_directory) if keep_state else None

    def at_stop(self, stop: Callable[[], None]) -> None:
        """Call `stop` at the end, before the state is saved: end processes, let threads finish.

        The latest registered is called first.
        """
        self._stops.append(stop)

    def stop(self) -> None:
        """End what services of ours run, save the state and end the emulator's own workers."""
        for stop in reversed(self._stops):
            try:
                stop()
            except Exception:
                logging.getLogger(__name__).exception("a service of the embedded AWS failed to stop")
        if self.snapshots:
            self.snapshots.save()
        module("core.lambda_runtime").reset()
        os.environ.clear()
        os.environ.update(self._environment)


@contextlib.contextmanager
def _root_logger_untouched() -> Iterator[None]:
    """Undo what importing the emulator does to the process's logging: its ``basicConfig`` is for a server."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _configure(port: int, directory: Path, snapshot_directory: Path, *, keep_state: bool) -> None:
    """Set what the emulator reads from the environment when it is imported."""
    os.environ.update(
        {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "PERSIST_STATE": "1" if keep_state else "0",
            "S3_DATA_DIR": str(directory / "s3"),
            # Also without persistence: else the bodies of all objects stay in memory.
            "S3_PERSIST": "1",
            "SERVICES": SERVICES,
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(snapshot_directory),
        }
    )

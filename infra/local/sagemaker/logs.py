"""The log streams of instances: ``/aws/sagemaker/Endpoints/{endpoint}``, ``{variant}/{instance}``.

Facts: Amazon SageMaker developer guide, "Log groups and streams that Amazon SageMaker AI sends to Amazon CloudWatch
Logs", "CreateModel API: Execution Role Permissions": logs are written with the model's role.
"""

import logging
from collections.abc import Callable

from infra.local.emulator import Credentials, Permissions, Services
from infra.local.logs import Logs
from infra.local.sagemaker.addresses import Place

LOG_GROUP = "/aws/sagemaker/Endpoints"

Write = Callable[[str, list[str]], None]
"""Writes lines of an instance, which is named by its id."""

_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")

_logger = logging.getLogger(__name__)


class EndpointLogs:
    """Writes what instances say.

    Parameters
    ----------
    services, permissions
        Of the embedded AWS.
    """

    def __init__(self, services: Services, permissions: Permissions) -> None:
        self._services = services
        self._permissions = permissions
        self._logs = Logs(services)

    def writer(self, place: Place, endpoint: str, variant: str, role: Credentials) -> Write:
        """Return what writes the lines of a variant's instances.

        If the role may not write them they are lost, as on AWS; a warning says so once.
        """
        group = f"{LOG_GROUP}/{endpoint}"
        arn = f"arn:aws:logs:{place.region}:{place.account}:log-group:{group}:log-stream:{variant}/i-"
        with self._services.scope(place.account, place.region):
            denials = [self._permissions.denial(role.access_key, action, arn, place.region) for action in _ACTIONS]
        denied = next(filter(None, denials), None)
        if denied:
            _logger.warning("The logs of endpoint %s are lost. %s", endpoint, denied)

        def write(instance_id: str, lines: list[str]) -> None:
            if not denied:
                with self._services.scope(place.account, place.region):
                    self._logs.write(group, f"{variant}/{instance_id}", lines)

        return write

"""Settings of state machines and activities, and what Step Functions refuses of them.

Sources: Step Functions API reference, "CreateStateMachine", "CreateActivity", "LoggingConfiguration" and
"EncryptionConfiguration"; recorded answers of AWS.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from infra.local.emulator import Services
from infra.local.errors import ServiceCallError
from infra.local.step_functions.errors import ApiError, invalid
from infra.local.step_functions.machines import OWNED_KEY
from infra.local.step_functions.roles import Roles

REUSE_SECONDS = 300
"""How long a data key is reused when the request does not say."""

_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\U0010ffff]")
_LONGEST_NAME = 80
_LOG_GROUP = re.compile(r"arn:aws:logs:[a-z0-9-]+:\d{12}:log-group:([^:]+):\*")


def check_name(name: str) -> None:
    """Check the name of a state machine, an execution or an activity.

    Raises
    ------
    ApiError
        ``InvalidName``.
    """
    if not name or len(name) > _LONGEST_NAME or _BAD_NAME.search(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")


def check_version_description(request: Mapping[str, Any]) -> None:
    """Refuse the description of a version that is not published."""
    if "versionDescription" in request and not request.get("publish"):
        raise invalid("Version description can only be set when publish is true")


class Settings:
    """Checks settings that name resources of other services."""

    def __init__(self, services: Services, roles: Roles) -> None:
        self._services = services
        self._roles = roles

    async def check(self, request: Mapping[str, Any], account: str, region: str) -> None:
        """Check role, logging and encryption of a state machine.

        Raises
        ------
        ApiError
            ``InvalidArn`` and ``AccessDeniedException`` for the role, ``InvalidLoggingConfiguration``,
            ``InvalidEncryptionConfiguration``.
        """
        if "roleArn" in request:
            self._roles.check(request["roleArn"], account, region)
        await self._check_logging(request.get("loggingConfiguration") or {})
        await self.encryption(request)

    async def encryption(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give the encryption that a request asks for, as it is described.

        Raises
        ------
        ApiError
            ``InvalidEncryptionConfiguration``.
        """
        wanted = request.get("encryptionConfiguration") or OWNED_KEY
        if wanted["type"] == OWNED_KEY["type"]:
            for member in ("kmsKeyId", "kmsDataKeyReusePeriodSeconds"):
                if member in wanted:
                    raise _bad_encryption(f"Custom {member} is not allowed when selecting {OWNED_KEY['type']}.")
            return dict(OWNED_KEY)
        key = wanted.get("kmsKeyId")
        if key is None or not await self._exists("kms", "TrentService.DescribeKey", {"KeyId": key}):
            raise _bad_encryption("Must set a valid kmsKeyId.")
        return {"kmsDataKeyReusePeriodSeconds": REUSE_SECONDS, **wanted}

    async def _check_logging(self, configuration: Mapping[str, Any]) -> None:
        if configuration.get("level", "OFF") == "OFF":
            return
        groups = [destination.get("cloudWatchLogsLogGroup") for destination in configuration.get("destinations") or []]
        if [bool(group) for group in groups] != [True]:
            raise _bad_logging("Must specify exactly one Log Destination.")
        group = _LOG_GROUP.fullmatch(groups[0].get("logGroupArn", ""))
        if group is None or not await self._log_group_exists(group[1]):
            raise _bad_logging("Log Destination not found.")

    async def _log_group_exists(self, name: str) -> bool:
        target = "Logs_20140328.DescribeLogGroups"
        found = await asyncio.to_thread(self._services.call, "logs", target, {"logGroupNamePrefix": name})
        return any(group["logGroupName"] == name for group in found["logGroups"])

    async def _exists(self, service: str, target: str, members: Mapping[str, Any]) -> bool:
        try:
            await asyncio.to_thread(self._services.call, service, target, members)
        except ServiceCallError:
            return False
        return True


def _bad_encryption(problem: str) -> ApiError:
    return ApiError("InvalidEncryptionConfiguration", f"Invalid Encryption Configuration: {problem}")


def _bad_logging(problem: str) -> ApiError:
    return ApiError("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {problem}")

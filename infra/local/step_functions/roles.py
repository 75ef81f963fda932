"""The roles that state machines act as."""

from __future__ import annotations

import logging
import re

from infra.local.emulator import Identities
from infra.local.errors import RoleMissingError, RoleNotAssumableError
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.integrations.calls import ROOT, SESSION_NAME, RoleCredentials

logger = logging.getLogger(__name__)

PRINCIPAL = "states.amazonaws.com"

_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/[\w+=,.@/-]+", re.ASCII)


class Roles:
    """Gives the credentials that tasks call with."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._warned: set[str] = set()

    def check(self, role_arn: str, account: str, region: str) -> None:
        """Refuse a role that CreateStateMachine and UpdateStateMachine refuse.

        A role that IAM does not have is tolerated; see `assume`.

        Raises
        ------
        ApiError
            ``InvalidArn``, or ``AccessDeniedException`` for another account's role and one that does not trust Step
            Functions.
        """
        found = _ROLE.fullmatch(role_arn)
        if found is None:
            raise ApiError("InvalidArn", f"Invalid Role Arn: '{role_arn}'")
        if found[1] != account:
            raise ApiError("AccessDeniedException", "Cross-account pass role is not allowed.")
        try:
            self._identities.trusting(role_arn, PRINCIPAL, region)
        except RoleMissingError:
            return
        except RoleNotAssumableError as problem:
            message = (
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to "
                "assume the provided role."
            )
            raise ApiError("AccessDeniedException", message) from problem

    def assume(self, role_arn: str, region: str) -> RoleCredentials:
        """Act as the role of a state machine.

        A role that IAM does not have is tolerated: state machines that are tried out by hand name made-up roles, and
        templates cannot. Their tasks act as the account's root; a warning says that AWS would refuse the role.

        Raises
        ------
        RoleNotAssumableError
            If the role exists but does not trust Step Functions.
        """
        try:
            return self._identities.assume(role_arn, PRINCIPAL, SESSION_NAME, region)
        except RoleMissingError:
            if role_arn not in self._warned:
                logger.warning("%s does not exist, AWS would refuse it; its tasks act as the account's root", role_arn)
                self._warned.add(role_arn)
            return ROOT

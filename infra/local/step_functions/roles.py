"""The roles that state machines act as."""

from __future__ import annotations

import logging

from infra.local.emulator import Identities
from infra.local.errors import RoleMissingError
from infra.local.step_functions.integrations.calls import ROOT, SESSION_NAME, RoleCredentials

logger = logging.getLogger(__name__)

PRINCIPAL = "states.amazonaws.com"


class Roles:
    """Gives the credentials that tasks call with."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._warned: set[str] = set()

    def assume(self, role_arn: str) -> RoleCredentials:
        """Act as the role of a state machine.

        A role that IAM does not have is tolerated: state machines that are tried out by hand name made-up roles, and
        templates cannot. Their tasks act as the account's root; a warning says that AWS would refuse the role.

        Raises
        ------
        RoleNotAssumableError
            If the role exists but does not trust Step Functions.
        """
        try:
            return self._identities.assume(role_arn, PRINCIPAL, SESSION_NAME)
        except RoleMissingError:
            if role_arn not in self._warned:
                logger.warning("%s does not exist, AWS would refuse it; its tasks act as the account's root", role_arn)
                self._warned.add(role_arn)
            return ROOT

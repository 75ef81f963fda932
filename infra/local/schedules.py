"""EventBridge Scheduler calls its targets as each schedule's role."""

import logging

from infra.local.emulator import Due, Emulator
from infra.local.errors import RoleNotAssumableError

PRINCIPAL = "scheduler.amazonaws.com"
ACTION = "states:StartExecution"

logger = logging.getLogger(__name__)


def install(emulator: Emulator) -> None:
    """Ask the schedule's role before something is started."""

    def permit(due: Due) -> bool:
        try:
            credentials = emulator.identities.assume(due.role, PRINCIPAL, "schedule")
        except RoleNotAssumableError as error:
            logger.warning("%s did not start %s: %s", due.schedule, due.target, error)
            return False
        denial = emulator.permissions.denial(credentials.access_key, ACTION, due.target, due.region)
        if denial:
            logger.warning("%s did not start %s: %s", due.schedule, due.target, denial)
        return denial is None

    emulator.schedules.permit_with(permit)

"""EventBridge calls targets as the role that each schedule, or target of a rule, names.

Of the targets of rules these are state machines; queues, topics and functions allow the call by their own policies.
"""

import logging

from infra.local.emulator import Due, Emulator
from infra.local.errors import RoleNotAssumableError
from infra.local.step_functions.authorization import check_of

OPERATION = "StartExecution"

logger = logging.getLogger(__name__)


def install(emulator: Emulator) -> None:
    """Ask the role before something is started, and keep when schedules were last due."""

    def permit(due: Due) -> bool:
        denial = _denial(emulator, due)
        if denial:
            logger.warning("%s did not start %s: %s", due.caller, due.target, denial)
        return denial is None

    emulator.schedules.permit_with(permit)
    emulator.services.keep(
        "schedules-last-fired",
        emulator.schedules.last_fired,
        emulator.schedules.set_last_fired,
        emulator.schedules.forget,
    )


def _denial(emulator: Emulator, due: Due) -> str | None:
    if not due.role:
        return "the target names no role"
    try:
        credentials = emulator.identities.assume(due.role, due.principal, "eventbridge")
    except RoleNotAssumableError as error:
        return str(error)
    about = check_of(OPERATION, due.target)
    return emulator.permissions.denial(credentials.access_key, f"states:{OPERATION}", about, due.region)

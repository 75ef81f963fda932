"""Step Functions: executions run by the interpreter, their tasks as real calls with the state machine's role."""

from infra.local.emulator import Emulator
from infra.local.step_functions.authorization import checks_of
from infra.local.step_functions.service import StepFunctions

__all__ = ["StepFunctions", "install"]


def install(emulator: Emulator) -> None:
    """Bind the service to `emulator`."""
    service = StepFunctions(emulator)
    emulator.services.wrap("states", service.answer)
    emulator.permissions.name_checks("states", checks_of)
    emulator.services.keep("step-functions", service.save, service.load, service.reset)
    emulator.state_machines.start_with(service.start_for_service)
    emulator.at_stop(service.stop)

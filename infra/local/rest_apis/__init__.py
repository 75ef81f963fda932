"""What API Gateway does around an integration and the emulator does not: name what is wrong with a body, log access."""

from infra.local.emulator import Emulator
from infra.local.logs import Logs
from infra.local.rest_apis.access_logs import AccessLogs
from infra.local.rest_apis.validation import explain


def install(emulator: Emulator) -> None:
    """Mend the emulator's REST APIs."""
    emulator.rest_apis.explain_bodies_with(explain)
    emulator.rest_apis.log_with(AccessLogs(Logs(emulator.services), emulator.services).write)

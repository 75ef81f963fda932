"""Parameter Store tells EventBridge of each change."""

from infra.local.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Announce changes of parameters."""
    emulator.parameters.announce_changes()

"""Parameter Store tells EventBridge of each change, and keeps the tier of each parameter."""

from infra.local.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Announce changes of parameters, and choose their tiers."""
    emulator.parameters.choose_tiers()
    emulator.parameters.announce_changes()

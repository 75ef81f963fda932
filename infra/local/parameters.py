"""Parameter Store tells EventBridge of each change, keeps the tier of each parameter, and is strict about labels."""

from infra.local.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Mend the emulator's Parameter Store."""
    emulator.parameters.choose_tiers()
    emulator.parameters.tell_invalid_labels()
    emulator.parameters.announce_changes()

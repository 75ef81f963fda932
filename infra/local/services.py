"""The services that the embedded AWS has beyond the emulator's, in the order in which they are installed."""

from collections.abc import Callable

from infra.local import lambda_workers
from infra.local.emulator import Emulator

INSTALLERS: tuple[Callable[[Emulator], None], ...] = (lambda_workers.install,)


def install(emulator: Emulator) -> None:
    """Bind every service of ours to the emulator."""
    for install_service in INSTALLERS:
        install_service(emulator)

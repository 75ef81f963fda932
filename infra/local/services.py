"""The services that the embedded AWS has beyond the emulator's, in the order in which they are installed."""

from collections.abc import Callable

from infra.local import (
    alarms,
    authorization,
    batch,
    crawler,
    faults,
    image_registry,
    lambda_workers,
    limits,
    objects,
    parameters,
    resource_types,
    rest_apis,
    sagemaker,
    scaling,
    schedules,
    stacks,
    step_functions,
)
from infra.local.emulator import Emulator

INSTALLERS: tuple[Callable[[Emulator], None], ...] = (
    alarms.install,
    authorization.install,
    batch.install,
    crawler.install,
    image_registry.install,
    lambda_workers.install,
    limits.install,
    objects.install,
    parameters.install,
    resource_types.install,
    rest_apis.install,
    schedules.install,
    stacks.install,
    step_functions.install,
)


def install(emulator: Emulator) -> None:
    """Bind every service of ours to the emulator."""
    for install_service in INSTALLERS:
        install_service(emulator)
    scaling.install(emulator, hosting=sagemaker.install(emulator))
    faults.install(emulator)  # in front of all the others

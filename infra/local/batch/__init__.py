"""AWS Batch that really runs its jobs: each command is a process, each limit holds.

A job passes its states as on AWS, its attempts have exit codes and reasons, its lines are in CloudWatch Logs, and a
compute environment never runs more vCPUs at once than it has. There is no container engine: `images` says which
program stands for which image.

Not enforced, because a plain process cannot have it: the container's user, a read-only root file system, the network
configuration, and the share of a CPU (jobs count against ``maxvCpus``, but may use the machine's CPUs freely). What
would change a job's result and is not emulated is refused by name.
"""

from infra.local.batch.authorization import resources_of
from infra.local.batch.clients import TaskClients
from infra.local.batch.region import Limits
from infra.local.batch.resources import BatchResources
from infra.local.batch.service import BatchService
from infra.local.emulator import Emulator

__all__ = ["BatchService", "Limits", "TaskClients", "install"]


def install(emulator: Emulator) -> None:
    """Serve AWS Batch, and its resource types in CloudFormation."""
    service = BatchService(TaskClients(emulator.url, emulator.identities))
    emulator.services.register("batch", service.handle, save=service.save, load=service.load, reset=service.reset)
    for name, resource_type in BatchResources(service).types().items():
        emulator.resources.register(name, resource_type)
    emulator.permissions.name_resources("batch", resources_of)
    emulator.at_stop(service.stop)

"""Decides which runnable job starts where: first in, first out in each queue, queues by priority.

Facts: AWS Batch user guide, "Job scheduling" (without a scheduling policy a queue is first-in, first-out),
"Job queue parameters" (priority, compute environment order), "Jobs stuck in RUNNABLE status".
"""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable

from infra.local.batch.environments import Record
from infra.local.batch.jobs import Job, Status
from infra.local.batch.queues import Queues

NEVER_FITS = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - All compute environments have a maxvCpus setting that is "
    "smaller than the job's vCPU requirement"
)


class Scheduler:
    """Places jobs, so that no compute environment ever runs more vCPUs than its ``maxvCpus``.

    A job that does not fit holds up the later ones of its queue, as on AWS, but not other queues.

    Parameters
    ----------
    queues
        Job queues, which know their compute environments.
    start
        Receives each job with the compute environment that it is placed in.
    """

    def __init__(self, queues: Queues, start: Callable[[Job, Record], None]) -> None:
        self._queues = queues
        self._start = start
        self._numbers = itertools.count()
        self._number_of: dict[str, int] = {}
        self._waiting: defaultdict[str, list[tuple[int, Job]]] = defaultdict(list)
        self._used: defaultdict[str, float] = defaultdict(float)
        self._placed_in: dict[str, str] = {}

    def offer(self, job: Job) -> None:
        """Let a runnable job wait for its turn; one that is retried keeps its place in the order."""
        number = self._number_of.setdefault(job.job_id, next(self._numbers))
        heapq.heappush(self._waiting[job.specification.queue], (number, job))

    def release(self, job: Job) -> None:
        """Give back the capacity of a job whose attempt ended."""
        self._used[self._placed_in.pop(job.job_id)] -= job.specification.vcpus

    def place(self) -> None:
        """Start every job that fits now."""
        for queue in sorted(self._queues.records.values(), key=lambda queue: -queue["priority"]):
            waiting = self._waiting[queue["jobQueueArn"]]
            while waiting:
                job = waiting[0][1]
                if job.status is Status.RUNNABLE and not self._place_one(job, self._queues.environments_of(queue)):
                    break
                heapq.heappop(waiting)

    def _place_one(self, job: Job, environments: list[Record]) -> bool:
        vcpus = job.specification.vcpus
        for environment in environments:
            arn = environment["computeEnvironmentArn"]
            free = environment["computeResources"]["maxvCpus"] - self._used[arn]
            if environment["state"] == "ENABLED" and vcpus <= free:
                self._used[arn] += vcpus
                self._placed_in[job.job_id] = arn
                self._start(job, environment)
                return True
        if all(vcpus > environment["computeResources"]["maxvCpus"] for environment in environments):
            job.status_reason = NEVER_FITS
        return False

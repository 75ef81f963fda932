"""Records of jobs and their attempts, and how the API shows them.

Facts: AWS Batch API reference, "JobDetail", "JobSummary", "AttemptDetail"; AWS Batch user guide, "Job states".
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """States of a job, in the order in which a job passes them."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED})
ACTIVE = frozenset({Status.STARTING, Status.RUNNING})


@dataclass(frozen=True)
class Specification:
    """What was asked for; an array's children share their parent's.

    Attributes
    ----------
    name, queue, definition
        The job's name, and the ARNs of its queue and of its definition's revision.
    definition_name
        Name of the definition, without revision.
    container
        ``containerProperties`` with overrides applied and parameters substituted.
    parameters, retry_strategy, depends_on, tags, propagate_tags, platform_capabilities
        As the API shows them.
    timeout
        Seconds that an attempt may run, None for no limit.
    """

    name: str
    queue: str
    definition: str
    definition_name: str
    container: dict[str, Any]
    parameters: dict[str, str]
    retry_strategy: dict[str, Any]
    timeout: int | None
    depends_on: list[dict[str, str]]
    tags: dict[str, str]
    propagate_tags: bool
    platform_capabilities: list[str]

    def requirement(self, kind: str) -> str:
        """Return the amount of ``VCPU`` (count) or ``MEMORY`` (MiB) that the container reserves."""
        return next(str(entry["value"]) for entry in self.container["resourceRequirements"] if entry["type"] == kind)

    @property
    def vcpus(self) -> float:
        """Reserved vCPUs; Fargate has fractions of one."""
        return float(self.requirement("VCPU"))

    @property
    def memory(self) -> int:
        """Memory limit in MiB."""
        return int(self.requirement("MEMORY"))


@dataclass
class Attempt:
    """One run of a job's command. Times are epoch milliseconds."""

    task_arn: str
    log_stream_name: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    status_reason: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None

    def container(self) -> dict[str, Any]:
        """Return what both ``AttemptContainerDetail`` and ``ContainerDetail`` say of the attempt."""
        return without_none(
            taskArn=self.task_arn,
            exitCode=self.exit_code,
            reason=self.reason,
            logStreamName=self.log_stream_name,
        )

    def detail(self) -> dict[str, Any]:
        """Return the attempt as ``AttemptDetail``."""
        return without_none(
            container=self.container(),
            startedAt=self.started_at,
            stoppedAt=self.stopped_at,
            statusReason=self.status_reason,
        )


@dataclass
class Job:
    """A job, an array job, or a child of one. Times are epoch milliseconds.

    Attributes
    ----------
    array_size
        Children of an array job; 0 for other jobs.
    array_index, parent_id
        A child's place and its array job.
    children
        How many children of an array job are in each state.
    waits_for
        Ids of jobs that must succeed before this one may run.
    latest
        The attempt that runs, or ran last.
    attempts
        The attempts that ended.
    """

    job_id: str
    arn: str
    specification: Specification
    created_at: int
    array_size: int = 0
    array_index: int | None = None
    parent_id: str | None = None
    status: Status = Status.SUBMITTED
    status_reason: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    is_cancelled: bool = False
    is_terminated: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    latest: Attempt | None = None
    waits_for: set[str] = field(default_factory=set)
    children: Counter[str] = field(default_factory=Counter)

    @property
    def has_ended(self) -> bool:
        """Whether the job is in a final state."""
        return self.status in ENDED

    def child_ids(self) -> list[str]:
        """Return the ids of an array job's children; empty for other jobs."""
        return [f"{self.job_id}:{index}" for index in range(self.array_size)]

    def detail(self) -> dict[str, Any]:
        """Return the job as ``JobDetail``."""
        spec = self.specification
        return without_none(
            jobArn=self.arn,
            jobName=spec.name,
            jobId=self.job_id,
            jobQueue=spec.queue,
            status=self.status.value,
            statusReason=self.status_reason,
            attempts=[attempt.detail() for attempt in self.attempts],
            createdAt=self.created_at,
            startedAt=self.started_at,
            stoppedAt=self.stopped_at,
            retryStrategy=spec.retry_strategy,
            dependsOn=spec.depends_on,
            jobDefinition=spec.definition,
            parameters=spec.parameters,
            container={**spec.container, **(self.latest.container() if self.latest else {})},
            arrayProperties=self._array_detail(),
            timeout=None if spec.timeout is None else {"attemptDurationSeconds": spec.timeout},
            tags=spec.tags,
            propagateTags=spec.propagate_tags,
            platformCapabilities=spec.platform_capabilities,
            isCancelled=self.is_cancelled,
            isTerminated=self.is_terminated,
        )

    def summary(self) -> dict[str, Any]:
        """Return the job as ``JobSummary``."""
        ended = self.latest.container() if self.latest else {}
        container = {key: ended[key] for key in ("exitCode", "reason") if key in ended}
        return without_none(
            jobArn=self.arn,
            jobId=self.job_id,
            jobName=self.specification.name,
            createdAt=self.created_at,
            startedAt=self.started_at,
            stoppedAt=self.stopped_at,
            status=self.status.value,
            statusReason=self.status_reason,
            container=container or None,
            arrayProperties=self._array_detail(),
            jobDefinition=self.specification.definition,
            isCancelled=self.is_cancelled,
            isTerminated=self.is_terminated,
        )

    def _array_detail(self) -> dict[str, Any] | None:
        if self.array_size:
            counts = {status.value: self.children[status] for status in Status}
            return {"size": self.array_size, "statusSummary": counts}
        return None if self.array_index is None else {"index": self.array_index}


def without_none(**members: Any) -> dict[str, Any]:
    """Return the members that have a value: the API leaves the others out."""
    return {name: value for name, value in members.items() if value is not None}

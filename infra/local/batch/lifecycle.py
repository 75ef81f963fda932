"""How jobs move from state to state, and what one job's end means to others.

Facts: AWS Batch user guide, "Job states", "Array jobs", "Job dependencies", "Automated job retries".
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator

from infra.local.batch.attempts import Outcome
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.jobs import Attempt, Job, Specification, Status
from infra.local.batch.retries import is_retried

CHILD_FAILED = "Array Child Job failed"
DEPENDENCY_FAILED = "Dependent Job failed"


class Lifecycle:
    """All jobs of one account and region.

    Parameters
    ----------
    now
        Returns epoch milliseconds.
    on_runnable
        Receives every job that may start.
    """

    def __init__(self, now: Callable[[], int], on_runnable: Callable[[Job], None]) -> None:
        self._now = now
        self._on_runnable = on_runnable
        self._dependents: defaultdict[str, list[Job]] = defaultdict(list)
        self.jobs: dict[str, Job] = {}

    def submit(self, specification: Specification, job_id: str, arn: str, array_size: int) -> Job:
        """Take in a job; an array's children with it.

        Raises
        ------
        RequestRefusedError
            If a dependency does not exist or its array does not match.
        """
        self._check_dependencies(specification, array_size)
        job = Job(job_id, arn, specification, self._now(), array_size=array_size)
        self.jobs[job_id] = job
        if not array_size:
            self._make_pending(job, self._dependencies(job))
            return job
        self._set(job, Status.PENDING, None)
        children = [
            Job(child_id, f"{arn}:{index}", specification, job.created_at, array_index=index, parent_id=job_id)
            for index, child_id in enumerate(job.child_ids())
        ]
        job.children = Counter({Status.SUBMITTED.value: array_size})
        self.jobs |= {child.job_id: child for child in children}
        for child in children:
            self._make_pending(child, self._dependencies(child))
        return job

    def starting(self, job: Job, attempt: Attempt) -> None:
        """Note that an attempt begins."""
        job.latest = attempt
        job.started_at = None
        self._set(job, Status.STARTING, None)

    def running(self, job: Job) -> None:
        """Note that the command runs."""
        job.started_at = self._now()
        if job.latest:
            job.latest.started_at = job.started_at
        if job.parent_id:
            parent = self.jobs[job.parent_id]
            parent.started_at = parent.started_at or job.started_at
        self._set(job, Status.RUNNING, None)

    def attempt_ended(self, job: Job, attempt: Attempt, outcome: Outcome) -> None:
        """Note how an attempt ended: the job is done, fails, or becomes runnable again."""
        attempt.exit_code, attempt.reason = outcome.exit_code, outcome.reason
        attempt.status_reason, attempt.stopped_at = outcome.status_reason, self._now()
        job.attempts.append(attempt)
        if outcome.succeeded:
            self.end(job, Status.SUCCEEDED, outcome.status_reason)
        elif not outcome.was_stopped and is_retried(
            job.specification.retry_strategy,
            len(job.attempts),
            outcome.exit_code,
            outcome.reason or "",
            outcome.status_reason,
        ):
            self._set(job, Status.RUNNABLE, outcome.status_reason)
            self._on_runnable(job)
        else:
            self.end(job, Status.FAILED, outcome.status_reason)

    def end(self, job: Job, status: Status, reason: str | None) -> None:
        """End a job, and with it what can never start now or is complete now; an ended job stays as it is."""
        ending: deque[tuple[Job, Status, str | None]] = deque([(job, status, reason)])
        while ending:  # no recursion: a sequential array is a chain of up to 10,000 jobs
            job, status, reason = ending.popleft()
            if job.has_ended:
                continue
            job.stopped_at = self._now()
            self._set(job, status, reason)
            for dependent in self._dependents.pop(job.job_id, ()):
                if status is Status.FAILED:
                    ending.append((dependent, Status.FAILED, DEPENDENCY_FAILED))
                else:
                    self._stop_waiting(dependent, job.job_id)
            parent = self.jobs[job.parent_id] if job.parent_id else None
            if parent and _all_ended(parent):
                failed = parent.children[Status.FAILED.value] > 0
                why = (parent.status_reason or CHILD_FAILED) if failed else None
                ending.append((parent, Status.FAILED if failed else Status.SUCCEEDED, why))

    def leaves(self, job: Job) -> Iterator[Job]:
        """Return what of a job really runs: an array's children, else the job itself."""
        return (self.jobs[job_id] for job_id in job.child_ids() or [job.job_id])

    def _make_pending(self, job: Job, dependencies: set[str]) -> None:
        open_dependencies = {job_id for job_id in dependencies if not self.jobs[job_id].has_ended}
        self._set(job, Status.PENDING, None)
        if any(self.jobs[job_id].status is Status.FAILED for job_id in dependencies):
            self.end(job, Status.FAILED, DEPENDENCY_FAILED)
            return
        job.waits_for = open_dependencies
        for job_id in open_dependencies:
            self._dependents[job_id].append(job)
        self._stop_waiting(job, "")

    def _stop_waiting(self, job: Job, job_id: str) -> None:
        job.waits_for.discard(job_id)
        if not job.waits_for and job.status is Status.PENDING:
            self._set(job, Status.RUNNABLE, None)
            self._on_runnable(job)

    def _dependencies(self, job: Job) -> set[str]:
        ids = set()
        for dependency in job.specification.depends_on:
            match dependency.get("type"):
                case "SEQUENTIAL":
                    if job.array_index:
                        ids.add(f"{job.parent_id}:{job.array_index - 1}")
                case "N_TO_N":
                    ids.add(f"{dependency['jobId']}:{job.array_index}")
                case _:
                    ids.add(dependency["jobId"])
        return ids

    def _check_dependencies(self, specification: Specification, array_size: int) -> None:
        for dependency in specification.depends_on:
            if "jobId" not in dependency:
                continue
            wanted = self.jobs.get(dependency["jobId"])
            if wanted is None:
                raise RequestRefusedError(f"Job {dependency['jobId']} that the job depends on does not exist.")
            if dependency.get("type") == "N_TO_N" and wanted.array_size != array_size:
                raise RequestRefusedError(
                    f"N_TO_N needs arrays of one size: {wanted.job_id} has {wanted.array_size} children, "
                    f"this job {array_size}."
                )

    def _set(self, job: Job, status: Status, reason: str | None) -> None:
        if job.parent_id:
            counts = self.jobs[job.parent_id].children
            counts[job.status.value] -= 1
            counts[status.value] += 1
        job.status, job.status_reason = status, reason


def _all_ended(parent: Job) -> bool:
    return parent.children[Status.SUCCEEDED.value] + parent.children[Status.FAILED.value] == parent.array_size

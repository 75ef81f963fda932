"""AWS Batch in one account and region: its objects, and the attempts that run."""

import logging
import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from infra.local.batch.addresses import Place
from infra.local.batch.attempts import NOT_STARTED, STOP_GRACE_SECONDS, Outcome, Run, Task
from infra.local.batch.clients import TaskClients
from infra.local.batch.definitions import Definitions
from infra.local.batch.environments import Environments, Record
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.jobs import ACTIVE, Attempt, Job, Status
from infra.local.batch.lifecycle import Lifecycle
from infra.local.batch.persistence import loaded_jobs, saved_jobs
from infra.local.batch.queues import Queues
from infra.local.batch.scheduler import Scheduler
from infra.local.batch.submission import array_size, overrides_too_long, specify
from infra.local.batch.watch import Watch
from tasks.aws_limits import BATCH_LEAST_TIMEOUT, BATCH_OVERRIDES

HOST_TERMINATED = "Host EC2 (instance local) terminated."
NEVER_STARTED = "The embedded AWS stopped before the job was started."

_STOP_SECONDS = 5.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Times that are AWS's by default.

    Attributes
    ----------
    shortest_timeout
        Least ``attemptDurationSeconds``, in seconds.
    stop_grace
        Seconds between SIGTERM and SIGKILL when a job is terminated or timed out.
    """

    shortest_timeout: int = BATCH_LEAST_TIMEOUT.value
    stop_grace: float = STOP_GRACE_SECONDS


class Region:
    """Queues, compute environments, definitions and jobs, which all change under one lock.

    Parameters
    ----------
    place
        Account and region.
    clients
        For the calls made on behalf of tasks.
    watch
        Holds attempts to their limits.
    limits
        Times.

    Attributes
    ----------
    lock
        To be held while anything here is read or changed.
    """

    def __init__(self, place: Place, clients: TaskClients, watch: Watch, limits: Limits) -> None:
        self.place = place
        self.lock = threading.RLock()
        self.environments = Environments(place, lambda: str(uuid.uuid4()))
        self.queues = Queues(place, self.environments)
        self.definitions = Definitions(place, limits.shortest_timeout)
        self._clients = clients
        self._watch = watch
        self._limits = limits
        self._scheduler = Scheduler(self.queues, self._start)
        self.lifecycle = Lifecycle(_epoch_ms, self._scheduler.offer)
        self._runs: dict[str, tuple[Run, threading.Thread]] = {}
        self._stopping = False

    @property
    def jobs(self) -> dict[str, Job]:
        """All jobs by id, in the order of their submission."""
        return self.lifecycle.jobs

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        RequestRefusedError
            If there is none.
        """
        if job_id not in self.jobs:
            raise RequestRefusedError(f"Job {job_id} not found.")
        return self.jobs[job_id]

    def submit(self, request: Record) -> Job:
        """Take in a job and start it if it fits.

        Raises
        ------
        RequestRefusedError
            If AWS Batch would refuse it, or it needs what is not emulated.
        """
        specification = specify(request, self.definitions, self.queues)
        job_id = str(uuid.uuid4())
        job = self.lifecycle.submit(specification, job_id, self.place.arn("job", job_id), array_size(request))
        if overrides_too_long(request):
            for leaf in self.lifecycle.leaves(job):
                reason = f"Container Overrides length must be at most {BATCH_OVERRIDES.value}"
                self.lifecycle.end(leaf, Status.FAILED, reason)
        self.place_jobs()
        return job

    def cancel(self, job_id: str, reason: str) -> None:
        """Fail a job that has not started; one that has is left alone.

        Raises
        ------
        RequestRefusedError
            If there is no such job.
        """
        job = self.job(job_id)
        for leaf in list(self.lifecycle.leaves(job)):
            if leaf.status not in ACTIVE and not leaf.has_ended:
                leaf.is_cancelled = job.is_cancelled = True
                self.lifecycle.end(leaf, Status.FAILED, reason)
        self.place_jobs()

    def terminate(self, job_id: str, reason: str) -> None:
        """Fail a job whether it runs or not; one that ended is left alone.

        Raises
        ------
        RequestRefusedError
            If there is no such job.
        """
        job = self.job(job_id)
        if job.has_ended:
            return
        job.is_terminated = True
        if job.array_size:
            job.status_reason = reason
        for leaf in list(self.lifecycle.leaves(job)):
            if leaf.has_ended:
                continue
            leaf.is_terminated = True
            if leaf.job_id in self._runs:
                self._runs[leaf.job_id][0].stop(reason)
            else:
                self.lifecycle.end(leaf, Status.FAILED, reason)
        self.place_jobs()

    def delete_queue(self, reference: str) -> None:
        """Delete a job queue and terminate its jobs.

        Raises
        ------
        RequestRefusedError
            If it is enabled.
        """
        arn = self.queues.delete(reference)
        for job in list(self.jobs.values()):
            if arn and job.specification.queue == arn and not job.parent_id:
                self.terminate(job.job_id, "The job queue was deleted.")

    def place_jobs(self) -> None:
        """Start what fits, after anything that may have made room."""
        if not self._stopping:
            self._scheduler.place()

    def stop(self) -> None:
        """Kill what runs and wait until it is gone."""
        with self.lock:
            self._stopping = True
            runs = list(self._runs.values())
        for run, _ in runs:
            run.abandon(HOST_TERMINATED)
        deadline = time.monotonic() + _STOP_SECONDS
        for _, thread in runs:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self, job: Job, environment: Record) -> None:
        task_id = secrets.token_hex(16)
        cluster = environment["ecsClusterArn"].rpartition("/")[2]
        attempt = Attempt(f"arn:aws:ecs:{self.place.region}:{self.place.account}:task/{cluster}/{task_id}")
        task = Task(self.place, task_id, job.specification, self._variables(job, environment))
        run = Run(task, self._clients, self._limits.stop_grace)
        self.lifecycle.starting(job, attempt)
        thread = threading.Thread(
            target=self._execute, args=(job, attempt, task, run), name=f"batch-{job.job_id}", daemon=True
        )
        self._runs[job.job_id] = run, thread
        thread.start()

    def _execute(self, job: Job, attempt: Attempt, task: Task, run: Run) -> None:
        def on_running() -> None:
            with self.lock:
                attempt.log_stream_name = task.log_stream_name
                self.lifecycle.running(job)

        self._watch.add(run)
        try:
            outcome = run.execute(on_running)
        except Exception as error:  # a job must end whatever happens to its thread
            _logger.exception("attempt of job %s", job.job_id)
            outcome = Outcome(None, f"InternalError: {error}", NOT_STARTED)
        finally:
            self._watch.remove(run)
        with self.lock:
            del self._runs[job.job_id]
            self._scheduler.release(job)
            self.lifecycle.attempt_ended(job, attempt, outcome)
            self.place_jobs()

    def _variables(self, job: Job, environment: Record) -> dict[str, str]:
        variables = {
            "AWS_BATCH_JOB_ID": job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
            "AWS_BATCH_JQ_NAME": job.specification.queue.rpartition("/")[2],
            "AWS_BATCH_CE_NAME": environment["computeEnvironmentName"],
        }
        if job.parent_id:
            variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.array_index)
            variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(self.jobs[job.parent_id].array_size)
        return variables

    def saved(self) -> dict[str, Any]:
        """Return what survives a restart, as JSON."""
        with self.lock:
            return {
                "account": self.place.account,
                "region": self.place.region,
                "environments": self.environments.records,
                "queues": self.queues.records,
                "definitions": self.definitions.revisions,
                "jobs": saved_jobs(self.jobs.values()),
            }

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what a former life saved; jobs that had not ended have failed with it."""
        with self.lock:
            self.environments.records = saved["environments"]
            self.queues.records = saved["queues"]
            self.definitions.revisions = saved["definitions"]
            self.lifecycle.jobs = loaded_jobs(saved["jobs"])
            for job in list(self.jobs.values()):
                if not job.array_size:
                    reason = HOST_TERMINATED if job.status in ACTIVE else NEVER_STARTED
                    self.lifecycle.end(job, Status.FAILED, reason)


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000

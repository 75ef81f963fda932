"""One attempt of a job: everything from STARTING to the end of its processes.

Facts: AWS Batch user guide, "Job environment variables", "Job timeouts", "Using the awslogs log driver"; Amazon ECS
developer guide, "Stopped task error messages"; the status reasons are those that DescribeJobs shows on AWS.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.batch.addresses import Place
from infra.local.batch.clients import TaskClients
from infra.local.batch.errors import TaskNotStartedError
from infra.local.batch.images import EcrImage, Program, find_program
from infra.local.batch.jobs import Specification
from infra.local.batch.logs import LogStream
from infra.local.batch.process import JobProcess

CONTAINER_EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
STOP_GRACE_SECONDS = 30.0

_MIB = 1024 * 1024
_LONGEST_REASON = 255


@dataclass(frozen=True)
class Task:
    """What an attempt runs, and under which names.

    Attributes
    ----------
    task_id
        32 hexadecimal digits, also the last part of the log stream's name.
    specification
        Of the job.
    variables
        What AWS Batch tells the command: ``AWS_BATCH_JOB_ID`` and so on.
    """

    place: Place
    task_id: str
    specification: Specification
    variables: dict[str, str]

    @property
    def log_stream_name(self) -> str:
        """Prefix of the log configuration, else the job definition's name, then container and task."""
        options = self.specification.container.get("logConfiguration", {}).get("options", {})
        prefix = options.get("awslogs-stream-prefix", self.specification.definition_name)
        return f"{prefix}/default/{self.task_id}"


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes
    ----------
    exit_code
        None when the command never started.
    reason
        The container's reason, None if there is nothing to say beyond the exit code.
    status_reason
        The attempt's.
    was_stopped
        It was terminated or exceeded its timeout: the job fails whatever the exit code, and is not retried.
    """

    exit_code: int | None
    reason: str | None
    status_reason: str
    was_stopped: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the job is done."""
        return self.exit_code == 0 and not self.was_stopped


class Run:
    """Runs an attempt on the calling thread, and can be stopped from others.

    Parameters
    ----------
    task
        What to run.
    clients
        For the calls made on the task's behalf.
    stop_grace
        Seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, task: Task, clients: TaskClients, stop_grace: float = STOP_GRACE_SECONDS) -> None:
        self._task = task
        self._clients = clients
        self._stop_grace = stop_grace
        self._lock = threading.Lock()
        self._process: JobProcess | None = None
        self._timeout_at: float | None = None
        self._kill_at: float | None = None
        self._stop_reason: str | None = None
        self._out_of_memory = False
        self._abandoned = False

    def execute(self, on_running: Callable[[], None]) -> Outcome:
        """Run the attempt to its end; every line it wrote is in its log stream then.

        Parameters
        ----------
        on_running
            Called when the command runs.
        """
        try:
            argv, environment, log = self._prepare()
            process = self._start(argv, environment)
        except TaskNotStartedError as error:
            return Outcome(None, str(error)[:_LONGEST_REASON], self._stop_reason or NOT_STARTED, self._was_stopped)
        if process is None:
            return Outcome(None, None, self._stop_reason or NOT_STARTED, was_stopped=True)
        try:
            on_running()
            process.read_output(log.feed, log.flush_when_due)
        except BaseException:  # the attempt is over then, and the next one must not run beside its processes
            process.kill()
            raise
        finally:
            exit_code = process.wait()
            with self._lock:
                self._process = None
        if not self._abandoned:
            log.close()
        if self._out_of_memory:
            return Outcome(exit_code, OUT_OF_MEMORY, self._stop_reason or CONTAINER_EXITED, self._was_stopped)
        return Outcome(exit_code, None, self._stop_reason or CONTAINER_EXITED, self._was_stopped)

    def stop(self, reason: str) -> None:
        """Send SIGTERM, and SIGKILL when the grace is over; the first reason stays."""
        with self._lock:
            if self._stop_reason is not None:
                return
            self._stop_reason = reason
            self._kill_at = time.monotonic() + self._stop_grace
            if self._process:
                self._process.terminate()

    def abandon(self, reason: str) -> None:
        """Kill the attempt because its host goes away; nobody takes its last log lines any more."""
        with self._lock:
            self._abandoned = True
            self._stop_reason = self._stop_reason or reason
            if self._process:
                self._process.kill()

    def check(self) -> None:
        """Hold the attempt to its limits: timeout, grace after SIGTERM, memory. To be called often."""
        now = time.monotonic()
        if self._timeout_at is not None and now >= self._timeout_at:
            self.stop(TIMED_OUT)
        with self._lock:
            if self._process is None:
                return
            if self._kill_at is not None and now >= self._kill_at:
                self._process.kill()
            elif self._process.exceeds(self._task.specification.memory * _MIB):
                self._out_of_memory = True
                self._process.kill()

    @property
    def _was_stopped(self) -> bool:
        return self._stop_reason is not None

    def _prepare(self) -> tuple[list[str], dict[str, str], LogStream]:
        container = self._task.specification.container
        program = find_program(container["image"], self._is_pushed)
        environment = self._environment(program)
        argv = program.argv(container["command"])
        options = container.get("logConfiguration", {}).get("options", {})
        log = LogStream(self._client("logs", options.get("awslogs-region")), options, self._task.log_stream_name)
        if shutil.which(argv[0], path=environment["PATH"]) is None:
            raise TaskNotStartedError(
                f'CannotStartContainerError: Error response from daemon: exec: "{argv[0]}": executable file not '
                "found in $PATH: unknown"
            )
        return argv, environment, log

    def _start(self, argv: list[str], environment: dict[str, str]) -> JobProcess | None:
        with self._lock:
            if self._was_stopped:
                return None
            self._process = JobProcess(argv, environment)
            if self._task.specification.timeout is not None:
                self._timeout_at = time.monotonic() + self._task.specification.timeout
            return self._process

    def _client(self, service: str, region: str | None = None) -> Any:
        place = self._task.place
        role = self._task.specification.container.get("executionRoleArn")
        return self._clients.client(service, region or place.region, place.account, role, self._task.task_id)

    def _is_pushed(self, image: EcrImage) -> bool:
        client = self._client("ecr", image.region)
        try:
            answer = client.batch_get_image(
                registryId=image.account, repositoryName=image.repository, imageIds=[image.image_id]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "RepositoryNotFoundException":
                return False
            raise TaskNotStartedError(f"CannotPullContainerError: {error}") from error
        except BotoCoreError as error:
            raise TaskNotStartedError(f"CannotPullContainerError: {error}") from error
        finally:
            client.close()
        return bool(answer["images"])

    def _environment(self, program: Program) -> dict[str, str]:
        container = self._task.specification.container
        role = container.get("jobRoleArn")
        return {
            # The interpreter's own directory first: `python` is then the one that has the pinned packages.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **program.environment,
            "AWS_ENDPOINT_URL": self._clients.endpoint_url,
            "AWS_REGION": self._task.place.region,
            "AWS_DEFAULT_REGION": self._task.place.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **(self._clients.credentials(role, self._task.task_id) if role else {}),
            **{variable["name"]: variable["value"] for variable in container["environment"]},
            **self._task.variables,
        }

"""Runs a Batch job of ours and waits for it."""

import time
from typing import Any

from infra.cli.errors import CommandError
from infra.cli.steps import Voice
from infra.cli.target import Target

SECONDS_BETWEEN_LOOKS = 0.5
_LAST_LINES = 8


def run_job(target: Target, job: str, command: list[str], voice: Voice) -> None:
    """Submit a job to the deployed queue and wait until it has succeeded.

    Parameters
    ----------
    target
        The AWS that it runs on.
    job
        Which job definition: one of `infra.naming.JOBS`.
    command
        The command line of the container.
    voice
        Told the job's state.

    Raises
    ------
    CommandError
        If the job fails; the message holds its reason and the end of its log.
    """
    batch = target.client("batch")
    submitted = batch.submit_job(
        jobName=f"{job}-example",
        jobQueue=target.names.job_queue,
        jobDefinition=target.names.job_definition(job),
        containerOverrides={"command": command},
    )
    while True:
        (description,) = batch.describe_jobs(jobs=[submitted["jobId"]])["jobs"]
        status = description["status"]
        voice.say(status.lower())
        if status == "SUCCEEDED":
            return
        if status == "FAILED":
            raise CommandError(
                f"The job {job} failed: {description.get('statusReason', 'no reason was given')}\n"
                + _end_of_log(target, description)
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _end_of_log(target: Target, description: dict[str, Any]) -> str:
    container = description.get("container", {})
    stream = container.get("logStreamName")
    if not stream:
        return "  (it wrote no log)"
    options = container.get("logConfiguration", {}).get("options", {})
    events = target.client("logs").get_log_events(
        logGroupName=options.get("awslogs-group", "/aws/batch/job"), logStreamName=stream, startFromHead=False
    )["events"]
    return "\n".join(f"  {event['message']}" for event in events[-_LAST_LINES:])

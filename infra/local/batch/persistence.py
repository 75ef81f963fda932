"""Jobs as JSON, for the next start of the embedded AWS."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import Any

from infra.local.batch.jobs import Attempt, Job, Specification, Status


def saved_jobs(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return jobs as JSON; a child does not repeat the specification that it shares with its array."""
    return [_saved(job) for job in jobs]


def loaded_jobs(saved: list[dict[str, Any]]) -> dict[str, Job]:
    """Return the jobs that `saved_jobs` saved, by id, in the same order."""
    jobs: dict[str, Job] = {}
    for record in saved:
        parent = jobs.get(record["parent_id"] or "")
        job = _loaded(record, parent.specification if parent else Specification(**record["specification"]))
        jobs[job.job_id] = job
        if parent:
            parent.children[job.status.value] += 1
    return jobs


def _saved(job: Job) -> dict[str, Any]:
    record = {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}
    record["specification"] = None if job.parent_id else dataclasses.asdict(job.specification)
    record["attempts"] = [dataclasses.asdict(attempt) for attempt in job.attempts]
    record["latest"] = dataclasses.asdict(job.latest) if job.latest else None
    # Both follow from the rest: nothing waits after a restart, and children are counted anew.
    del record["waits_for"], record["children"]
    return record


def _loaded(record: dict[str, Any], specification: Specification) -> Job:
    attempts = [Attempt(**attempt) for attempt in record["attempts"]]
    latest = Attempt(**record["latest"]) if record["latest"] else None
    return Job(
        **{
            **record,
            "specification": specification,
            "status": Status(record["status"]),
            "attempts": attempts,
            "latest": latest,
            "children": Counter(),
        }
    )

"""Which jobs ListJobs shows, and pages of long answers.

Facts: AWS Batch API reference, "ListJobs".
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.jobs import Job, Status

Record = dict[str, Any]


def matching_jobs(request: Record, jobs: Iterable[Job], queue_arn: str | None) -> list[Job]:
    """Return the jobs that a request asks for, the newest first; an array's children in their order.

    Parameters
    ----------
    request
        Members of ListJobs.
    jobs
        All jobs.
    queue_arn
        ARN of the queue that the request names, if it names one.

    Raises
    ------
    RequestRefusedError
        If the request names neither or both of queue and array, or a filter that is not emulated.
    """
    if "multiNodeJobId" in request:
        raise RequestRefusedError("The embedded AWS Batch does not emulate multiNodeJobId.")
    if (queue_arn is None) == ("arrayJobId" not in request):
        raise RequestRefusedError("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified.")
    status = Status(request.get("jobStatus", "RUNNING"))
    if queue_arn is None:
        return [job for job in jobs if job.parent_id == request["arrayJobId"] and job.status is status]
    in_queue = [job for job in jobs if job.specification.queue == queue_arn and not job.parent_id]
    in_queue.sort(key=lambda job: job.created_at, reverse=True)
    filters = request.get("filters", [])
    if not filters:
        return [job for job in in_queue if job.status is status]
    if len(filters) > 1:
        raise RequestRefusedError("Only one filter can be used at a time.")
    passes = _filter(filters[0]["name"], filters[0]["values"])
    return [job for job in in_queue if passes(job)]


def page(key: str, items: Sequence[Any], request: Record, most: int) -> Record:
    """Return the part of an answer that a request asks for.

    Parameters
    ----------
    key
        Member of the answer that holds the items.
    items
        All of them, in an order that does not change between requests.
    request
        May hold ``maxResults`` and the ``nextToken`` of the page before.
    most
        Items in a page at most.

    Raises
    ------
    RequestRefusedError
        If the token is none of ours, or ``maxResults`` is below 1.
    """
    size = request.get("maxResults", most)
    token = request.get("nextToken", "0")
    if size < 1:
        raise RequestRefusedError("maxResults must be at least 1.")
    if not token.isdecimal():
        raise RequestRefusedError("Invalid nextToken.")
    start, end = int(token), int(token) + min(size, most)
    answer: Record = {key: list(items[start:end])}
    if end < len(items):
        answer["nextToken"] = str(end)
    return answer


def _filter(name: str, values: list[str]) -> Callable[[Job], bool]:
    match name:
        case "JOB_NAME":
            wanted = [value.lower() for value in values]
            return lambda job: any(_is_like(job.specification.name.lower(), value) for value in wanted)
        case "JOB_DEFINITION":
            return lambda job: any(
                _is_like(job.specification.definition_name, value) or job.specification.definition == value
                for value in values
            )
        case "BEFORE_CREATED_AT":
            return lambda job: job.created_at < int(values[0])
        case "AFTER_CREATED_AT":
            return lambda job: job.created_at > int(values[0])
    raise RequestRefusedError(f"The embedded AWS Batch does not emulate the filter {name}.")


def _is_like(text: str, pattern: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern

"""AWS Batch's API: from requests to what they do and back."""

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from infra.local.batch.addresses import Place
from infra.local.batch.api_model import check_parameters, operation_name
from infra.local.batch.clients import TaskClients
from infra.local.batch.environments import ENVIRONMENT, Record
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.listing import matching_jobs, page
from infra.local.batch.queues import QUEUE
from infra.local.batch.region import Limits, Region
from infra.local.batch.watch import Watch
from infra.local.wire import Request, Response, error_response, json_response

_MOST_DESCRIBED = 100
_MOST_JOBS_LISTED = 1000
_MOST_FILTERED = 100
_LONGEST_TERMINATION_REASON = 1024


class BatchService:
    """All of AWS Batch: every account and region on its own.

    Parameters
    ----------
    clients
        For the calls made on behalf of tasks.
    limits
        Times that are AWS's by default.
    """

    def __init__(self, clients: TaskClients, limits: Limits | None = None) -> None:
        self._clients = clients
        self._limits = limits or Limits()
        self._watch = Watch()
        self._lock = threading.Lock()
        self._regions: dict[Place, Region] = {}
        self._operations: dict[str, Callable[[Region, Record], Record]] = {
            "CancelJob": _cancel_job,
            "CreateComputeEnvironment": _create_compute_environment,
            "CreateJobQueue": _create_job_queue,
            "DeleteComputeEnvironment": _delete_compute_environment,
            "DeleteJobQueue": _delete_job_queue,
            "DeregisterJobDefinition": _deregister_job_definition,
            "DescribeComputeEnvironments": _describe_compute_environments,
            "DescribeJobDefinitions": _describe_job_definitions,
            "DescribeJobQueues": _describe_job_queues,
            "DescribeJobs": _describe_jobs,
            "ListJobs": _list_jobs,
            "ListTagsForResource": _list_tags_for_resource,
            "RegisterJobDefinition": _register_job_definition,
            "SubmitJob": _submit_job,
            "TagResource": _tag_resource,
            "TerminateJob": _terminate_job,
            "UntagResource": _untag_resource,
            "UpdateComputeEnvironment": _update_compute_environment,
            "UpdateJobQueue": _update_job_queue,
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request. Nothing here waits: what takes time runs on threads of its own."""
        try:
            operation = operation_name(request.method, request.path)
            answer = self.call(operation, members_of(operation, request), Place(request.account, request.region))
        except (RequestRefusedError, ValueError) as error:
            return error_response("ClientException", str(error))
        return json_response(answer, content_type="application/json")

    def call(self, operation: str, members: Record, place: Place) -> Record:
        """Do what an operation does.

        Raises
        ------
        RequestRefusedError
            If AWS Batch would answer ``ClientException``, or the operation is not emulated.
        """
        if operation not in self._operations:
            raise RequestRefusedError(f"The embedded AWS Batch does not emulate {operation}.")
        check_parameters(operation, members)
        region = self._region(place)
        with region.lock:
            answer = self._operations[operation](region, members)
            # Rendered while the lock is held: answers are live records.
            copy: Record = json.loads(json.dumps(answer))
        return copy

    def stop(self) -> None:
        """Kill every job that runs; the embedded AWS ends."""
        for region in list(self._regions.values()):
            region.stop()
        self._watch.stop()

    def save(self) -> Any:
        """Return what survives a restart, as JSON."""
        return [region.saved() for region in list(self._regions.values())]

    def load(self, saved: Any) -> None:
        """Take over what `save` returned in a former life."""
        for record in saved:
            self._region(Place(record["account"], record["region"])).load(record)

    def reset(self) -> None:
        """Forget everything and kill what runs."""
        with self._lock:
            regions, self._regions = list(self._regions.values()), {}
        for region in regions:
            region.stop()

    def _region(self, place: Place) -> Region:
        with self._lock:
            if place not in self._regions:
                self._regions[place] = Region(place, self._clients, self._watch, self._limits)
            return self._regions[place]


def members_of(operation: str, request: Request) -> Record:
    """Return the members of an operation's request, wherever HTTP carries them."""
    members = request.json()
    if operation.endswith(("TagResource", "TagsForResource")) or operation == "UntagResource":
        members["resourceArn"] = unquote(request.path.partition("/v1/tags/")[2])
        if operation == "UntagResource":
            members["tagKeys"] = list(request.query.get("tagKeys", []))
    return members


def _create_compute_environment(region: Region, members: Record) -> Record:
    return region.environments.create(members)


def _update_compute_environment(region: Region, members: Record) -> Record:
    answer = region.environments.update(members)
    region.place_jobs()
    return answer


def _delete_compute_environment(region: Region, members: Record) -> Record:
    region.environments.delete(members["computeEnvironment"], in_use=region.queues.used_environments())
    return {}


def _describe_compute_environments(region: Region, members: Record) -> Record:
    wanted = {region.place.name(ENVIRONMENT, reference) for reference in members.get("computeEnvironments", [])}
    records = region.environments.records
    found = [record for name, record in records.items() if name in wanted or not wanted]
    return page("computeEnvironments", found, members, _MOST_DESCRIBED)


def _create_job_queue(region: Region, members: Record) -> Record:
    return region.queues.create(members)


def _update_job_queue(region: Region, members: Record) -> Record:
    answer = region.queues.update(members)
    region.place_jobs()
    return answer


def _delete_job_queue(region: Region, members: Record) -> Record:
    region.delete_queue(members["jobQueue"])
    return {}


def _describe_job_queues(region: Region, members: Record) -> Record:
    wanted = {region.place.name(QUEUE, reference) for reference in members.get("jobQueues", [])}
    found = [record for name, record in region.queues.records.items() if name in wanted or not wanted]
    return page("jobQueues", found, members, _MOST_DESCRIBED)


def _register_job_definition(region: Region, members: Record) -> Record:
    return region.definitions.register(members)


def _deregister_job_definition(region: Region, members: Record) -> Record:
    region.definitions.deregister(members["jobDefinition"])
    return {}


def _describe_job_definitions(region: Region, members: Record) -> Record:
    return page("jobDefinitions", region.definitions.describe(members), members, _MOST_DESCRIBED)


def _submit_job(region: Region, members: Record) -> Record:
    job = region.submit(members)
    return {"jobArn": job.arn, "jobName": job.specification.name, "jobId": job.job_id}


def _describe_jobs(region: Region, members: Record) -> Record:
    ids = members["jobs"]
    if len(ids) > _MOST_DESCRIBED:
        raise RequestRefusedError(f"Maximum number of jobs supported is {_MOST_DESCRIBED}")
    return {"jobs": [region.jobs[job_id].detail() for job_id in ids if job_id in region.jobs]}


def _list_jobs(region: Region, members: Record) -> Record:
    queue = region.queues.get(members["jobQueue"])["jobQueueArn"] if "jobQueue" in members else None
    found = matching_jobs(members, region.jobs.values(), queue)
    answer = page("jobSummaryList", found, members, _MOST_FILTERED if "filters" in members else _MOST_JOBS_LISTED)
    answer["jobSummaryList"] = [job.summary() for job in answer["jobSummaryList"]]
    return answer


def _cancel_job(region: Region, members: Record) -> Record:
    region.cancel(members["jobId"], members["reason"])
    return {}


def _terminate_job(region: Region, members: Record) -> Record:
    reason = members["reason"]
    if len(reason) > _LONGEST_TERMINATION_REASON:
        raise RequestRefusedError(f"The reason can have at most {_LONGEST_TERMINATION_REASON} characters.")
    region.terminate(members["jobId"], reason)
    return {}


def _tag_resource(region: Region, members: Record) -> Record:
    _tags(region, members["resourceArn"]).update(members["tags"])
    return {}


def _untag_resource(region: Region, members: Record) -> Record:
    tags = _tags(region, members["resourceArn"])
    for key in members["tagKeys"]:
        tags.pop(key, None)
    return {}


def _list_tags_for_resource(region: Region, members: Record) -> Record:
    return {"tags": _tags(region, members["resourceArn"])}


def _tags(region: Region, arn: str) -> Record:
    """Return the live tags of whatever an ARN names."""
    kind, _, name = arn.removeprefix(region.place.arn("", "").removesuffix("/")).partition("/")
    owner: Record | None = None
    match kind:
        case "compute-environment":
            owner = region.environments.records.get(name)
        case "job-queue":
            owner = region.queues.records.get(name)
        case "job-definition":
            owner = next(iter(region.definitions.describe({"jobDefinitions": [arn]})), None)
        case "job" if name in region.jobs:
            owner = {"tags": region.jobs[name].specification.tags}
    if owner is None:
        raise RequestRefusedError(f"Resource {arn} does not exist.")
    tags: Record = owner["tags"]
    return tags

"""From a SubmitJob request to the specification of a job.

Facts: AWS Batch API reference, "SubmitJob"; AWS Batch user guide, "Array jobs", "Job dependencies". The sizes of a job
and of its overrides are those of their JSON.
"""

import json
from typing import Any

from infra.local.batch.addresses import check_name
from infra.local.batch.containers import overridden
from infra.local.batch.definitions import Definitions
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.jobs import Specification
from infra.local.batch.queues import Queues
from infra.local.batch.retries import check_retry_strategy
from tasks.aws_limits import BATCH_ARRAY, BATCH_DEPENDENCIES, BATCH_JOB, BATCH_OVERRIDES, utf8_bytes

Record = dict[str, Any]


def specify(request: Record, definitions: Definitions, queues: Queues) -> Specification:
    """Resolve a submission.

    Raises
    ------
    RequestRefusedError
        If AWS Batch would refuse it, or it needs what is not emulated.
    """
    check_name(request["jobName"], "Error executing request, Exception : Job name should match valid pattern")
    _check_members(request)
    queue = queues.get(request["jobQueue"])
    if queue["state"] != "ENABLED":
        raise RequestRefusedError(f"JobQueue {request['jobQueue']} is not in ENABLED state.")
    definition = definitions.find_active(request["jobDefinition"])
    fargate = queue["jobQueueType"] == "ECS_FARGATE"
    if ("FARGATE" if fargate else "EC2") not in definition["platformCapabilities"]:
        raise RequestRefusedError(
            f"Job definition {definition['jobDefinitionName']} has platform capabilities "
            f"{definition['platformCapabilities']}, which job queue {queue['jobQueueName']} does not offer."
        )
    check_retry_strategy(request.get("retryStrategy", {}))
    definitions.check_timeout(request.get("timeout", {}))
    parameters = {**definition["parameters"], **request.get("parameters", {})}
    chosen: Record = {"timeout": {}, **definition, **request}
    return Specification(
        name=request["jobName"],
        queue=queue["jobQueueArn"],
        definition=definition["jobDefinitionArn"],
        definition_name=definition["jobDefinitionName"],
        container=overridden(
            definition["containerProperties"], request.get("containerOverrides", {}), parameters, fargate=fargate
        ),
        parameters=parameters,
        retry_strategy={**definition["retryStrategy"], **request.get("retryStrategy", {})},
        timeout=chosen["timeout"].get("attemptDurationSeconds"),
        depends_on=request.get("dependsOn", []),
        tags=request.get("tags", {}),
        propagate_tags=chosen["propagateTags"],
        platform_capabilities=definition["platformCapabilities"],
    )


def overrides_too_long(request: Record) -> bool:
    """Whether the container overrides exceed what a task can be started with.

    AWS Batch accepts such a job and lets it fail.
    """
    overrides = json.dumps(request.get("containerOverrides", {}), separators=(",", ":"), ensure_ascii=False)
    return utf8_bytes(overrides) > BATCH_OVERRIDES.value


def _check_members(request: Record) -> None:
    for member in (
        "shareIdentifier",
        "schedulingPriorityOverride",
        "nodeOverrides",
        "eksPropertiesOverride",
        "ecsPropertiesOverride",
        "consumableResourcePropertiesOverride",
    ):
        if member in request:
            raise RequestRefusedError(f"The embedded AWS Batch does not emulate {member}.")
    kib = utf8_bytes(json.dumps(request, separators=(",", ":"), ensure_ascii=False)) // 1024
    most = BATCH_JOB.value // 1024
    if kib >= most:
        raise RequestRefusedError(
            f"Error executing request, Exception : Job size must be less than {most} KiB, got {kib} KiB"
        )
    size = array_size(request)
    if size and not 2 <= size <= BATCH_ARRAY.value:
        raise RequestRefusedError(f"Array size must be between 2 and {BATCH_ARRAY.value}.")
    dependencies = request.get("dependsOn", [])
    if len(dependencies) > BATCH_DEPENDENCIES.value:
        raise RequestRefusedError(f"A job can depend on at most {BATCH_DEPENDENCIES}.")
    for dependency in dependencies:
        _check_dependency(dependency, is_array=bool(size))


def _check_dependency(dependency: dict[str, str], *, is_array: bool) -> None:
    kind = dependency.get("type")
    if kind not in {None, "N_TO_N", "SEQUENTIAL"}:
        raise RequestRefusedError(f"Dependency type must be N_TO_N or SEQUENTIAL, not {kind}.")
    if kind and not is_array:
        raise RequestRefusedError(f"Only array jobs can have a dependency of type {kind}.")
    if kind == "SEQUENTIAL" and "jobId" in dependency:
        raise RequestRefusedError("A SEQUENTIAL dependency has no job ID.")
    if kind != "SEQUENTIAL" and "jobId" not in dependency:
        raise RequestRefusedError("A dependency needs a job ID, or the type SEQUENTIAL.")


def array_size(request: Record) -> int:
    """Return how many children the submission asks for; 0 if it is no array job.

    A size of 0 in the request is handed on as 1, which is refused like every other size below 2.
    """
    if "arrayProperties" not in request or "size" not in request["arrayProperties"]:
        return 0
    return int(request["arrayProperties"]["size"]) or 1

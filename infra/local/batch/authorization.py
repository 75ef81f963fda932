"""Which resources a call of AWS Batch's API is authorized on.

Facts: Service Authorization Reference, "Actions, resources, and condition keys for AWS Batch".
"""

from infra.local.batch.addresses import Place
from infra.local.batch.api_model import operation_name
from infra.local.batch.definitions import DEFINITION
from infra.local.batch.environments import ENVIRONMENT
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.queues import QUEUE
from infra.local.batch.service import members_of
from infra.local.wire import Request

JOB = "job"

# Operation -> members that name a resource, each with the resource's kind.
_NAMING: dict[str, dict[str, str]] = {
    "CancelJob": {"jobId": JOB},
    "CreateComputeEnvironment": {"computeEnvironmentName": ENVIRONMENT},
    "CreateJobQueue": {"jobQueueName": QUEUE},
    "DeleteComputeEnvironment": {"computeEnvironment": ENVIRONMENT},
    "DeleteJobQueue": {"jobQueue": QUEUE},
    "DeregisterJobDefinition": {"jobDefinition": DEFINITION},
    "RegisterJobDefinition": {"jobDefinitionName": DEFINITION},
    "SubmitJob": {"jobDefinition": DEFINITION, "jobQueue": QUEUE},
    "TerminateJob": {"jobId": JOB},
    "UpdateComputeEnvironment": {"computeEnvironment": ENVIRONMENT},
    "UpdateJobQueue": {"jobQueue": QUEUE},
}


def resources_of(request: Request) -> list[str]:
    """Return the ARNs that a caller's policies must all allow; ``*`` for calls without narrower resources.

    A malformed request names nothing narrower: it is refused afterwards.
    """
    try:
        operation = operation_name(request.method, request.path)
        members = members_of(operation, request)
    except (RequestRefusedError, ValueError):
        return ["*"]
    if "resourceArn" in members:
        return [members["resourceArn"]]
    place = Place(request.account, request.region)
    named = [_arn(place, kind, str(members.get(member))) for member, kind in _NAMING.get(operation, {}).items()]
    return named or ["*"]


def _arn(place: Place, kind: str, reference: str) -> str:
    return reference if reference.startswith("arn:") else place.arn(kind, reference)

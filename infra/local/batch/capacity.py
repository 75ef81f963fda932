"""Compute environments and job queues: where jobs run, and in which order.

Facts: AWS Batch API reference, "CreateComputeEnvironment", "DeleteComputeEnvironment", "CreateJobQueue",
"UpdateJobQueue", "DeleteJobQueue".
"""

from collections.abc import Callable
from typing import Any

from infra.local.batch.addresses import Place, check_name
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.jobs import without_none

ENVIRONMENT = "compute-environment"
QUEUE = "job-queue"
_FARGATE = frozenset({"FARGATE", "FARGATE_SPOT"})
_MOST_ENVIRONMENTS = 3
_STATES = frozenset({"ENABLED", "DISABLED"})

Record = dict[str, Any]


class Capacity:
    """Compute environments and job queues of one account and region, as the API shows them.

    Parameters
    ----------
    place
        Account and region.
    uuid
        Returns a new UUID.
    """

    def __init__(self, place: Place, uuid: Callable[[], str]) -> None:
        self._place = place
        self._uuid = uuid
        self.environments: dict[str, Record] = {}
        self.queues: dict[str, Record] = {}

    def create_environment(self, request: Record) -> Record:
        """Create a compute environment; it is valid at once, since processes need no instances.

        Raises
        ------
        RequestRefusedError
            If the name is bad or taken, or the kind of capacity is not emulated.
        """
        name = request["computeEnvironmentName"]
        check_name(name, f"Compute environment name should match valid pattern: {name}")
        if name in self.environments:
            raise RequestRefusedError("Object already exists")
        if request["type"].upper() != "MANAGED":
            raise RequestRefusedError("The embedded AWS Batch emulates compute environments of type MANAGED only.")
        _refuse(request, "eksConfiguration", "unmanagedvCpus")
        resources = request.get("computeResources")
        if not resources:
            raise RequestRefusedError("computeResources must be provided for a MANAGED compute environment.")
        _check_resources(resources)
        uuid = self._uuid()
        cluster = f"AWSBatch-{name}-{uuid}"
        self.environments[name] = without_none(
            computeEnvironmentName=name,
            computeEnvironmentArn=self._place.arn(ENVIRONMENT, name),
            ecsClusterArn=f"arn:aws:ecs:{self._place.region}:{self._place.account}:cluster/{cluster}",
            tags=request.get("tags", {}),
            type="MANAGED",
            state=_state(request),
            status="VALID",
            statusReason="ComputeEnvironment Healthy",
            computeResources=resources,
            serviceRole=request.get("serviceRole"),
            containerOrchestrationType="ECS",
            uuid=uuid,
            context=request.get("context"),
        )
        return self._environment_identity(name)

    def update_environment(self, request: Record) -> Record:
        """Change state, service role or resources of a compute environment.

        Raises
        ------
        RequestRefusedError
            If there is none, or the change is not emulated.
        """
        record = self._environment(request["computeEnvironment"])
        _refuse(request, "eksConfiguration", "unmanagedvCpus")
        resources = {**record["computeResources"], **request.get("computeResources", {})}
        _check_resources(resources)
        if "state" in request:
            record["state"] = _state(request)
        record["computeResources"] = resources
        record |= {key: request[key] for key in ("serviceRole", "context", "updatePolicy") if key in request}
        return self._environment_identity(record["computeEnvironmentName"])

    def delete_environment(self, reference: str) -> None:
        """Delete a compute environment; deleting one that does not exist succeeds, as on AWS.

        Raises
        ------
        RequestRefusedError
            If it is enabled, or a job queue uses it.
        """
        name = self._place.name(ENVIRONMENT, reference)
        record = self.environments.get(name)
        if record is None:
            return
        if record["state"] == "ENABLED":
            raise RequestRefusedError("Cannot delete, resource is not disabled: set its state to DISABLED first")
        arn = record["computeEnvironmentArn"]
        if any(arn in environment_arns(queue) for queue in self.queues.values()):
            raise RequestRefusedError("Cannot delete, found existing JobQueue relationship")
        del self.environments[name]

    def create_queue(self, request: Record) -> Record:
        """Create a job queue.

        Raises
        ------
        RequestRefusedError
            If the name is bad or taken, a compute environment is missing or of another kind than the others, or
            a feature is not emulated.
        """
        name = request["jobQueueName"]
        check_name(name, f"Job queue name should match valid pattern: {name}")
        if name in self.queues:
            raise RequestRefusedError("Object already exists")
        _refuse(request, "schedulingPolicyArn", "jobStateTimeLimitActions", "serviceEnvironmentOrder")
        if request.get("jobQueueType", "ECS_FARGATE") not in {"ECS", "ECS_FARGATE"}:
            raise RequestRefusedError("The embedded AWS Batch emulates job queues for Amazon ECS and Fargate only.")
        order = self._order(request.get("computeEnvironmentOrder", []))
        self.queues[name] = {
            "jobQueueName": name,
            "jobQueueArn": self._place.arn(QUEUE, name),
            "state": _state(request),
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": request["priority"],
            "computeEnvironmentOrder": order,
            "jobQueueType": "ECS_FARGATE" if self._is_fargate(order) else "ECS",
            "tags": request.get("tags", {}),
        }
        return self._queue_identity(name)

    def update_queue(self, request: Record) -> Record:
        """Change state, priority or compute environments of a job queue.

        Raises
        ------
        RequestRefusedError
            If there is none, or the new order of compute environments is refused.
        """
        record = self.queue(request["jobQueue"])
        _refuse(request, "schedulingPolicyArn", "jobStateTimeLimitActions", "serviceEnvironmentOrder")
        if "computeEnvironmentOrder" in request:
            record["computeEnvironmentOrder"] = self._order(request["computeEnvironmentOrder"])
        if "state" in request:
            record["state"] = _state(request)
        record["priority"] = request.get("priority", record["priority"])
        return self._queue_identity(record["jobQueueName"])

    def delete_queue(self, reference: str) -> str | None:
        """Delete a job queue; deleting one that does not exist succeeds, as on AWS.

        Returns
        -------
        The ARN of the deleted queue, whose jobs are then to be terminated, or None.

        Raises
        ------
        RequestRefusedError
            If it is enabled.
        """
        record = self.queues.get(self._place.name(QUEUE, reference))
        if record is None:
            return None
        if record["state"] == "ENABLED":
            raise RequestRefusedError("Cannot delete, resource is not disabled: set its state to DISABLED first")
        del self.queues[record["jobQueueName"]]
        return str(record["jobQueueArn"])

    def queue(self, reference: str) -> Record:
        """Return a job queue by name or ARN.

        Raises
        ------
        RequestRefusedError
            If there is none.
        """
        record = self.queues.get(self._place.name(QUEUE, reference))
        if record is None:
            raise RequestRefusedError(f"JobQueue {reference} not found.")
        return record

    def environments_of(self, queue_arn: str) -> list[Record]:
        """Return the compute environments of a queue in order; empty if the queue was deleted."""
        queue = self.queues.get(self._place.name(QUEUE, queue_arn))
        if queue is None:
            return []
        return [self.environments[self._place.name(ENVIRONMENT, arn)] for arn in environment_arns(queue)]

    def runs_on_fargate(self, queue: Record) -> bool:
        """Whether a queue's jobs run on Fargate."""
        return self._is_fargate(queue["computeEnvironmentOrder"])

    def _is_fargate(self, order: list[Record]) -> bool:
        return _is_fargate_environment(self._environment(order[0]["computeEnvironment"]))

    def _order(self, order: list[Record]) -> list[Record]:
        if not 1 <= len(order) <= _MOST_ENVIRONMENTS:
            raise RequestRefusedError(f"A job queue needs 1 to {_MOST_ENVIRONMENTS} compute environments.")
        records = [self._environment(entry["computeEnvironment"]) for entry in order]
        if len({_is_fargate_environment(record) for record in records}) > 1:
            raise RequestRefusedError("EC2 and Fargate compute environments cannot be mixed in a job queue.")
        arns = [record["computeEnvironmentArn"] for record in records]
        paired = zip(order, arns, strict=True)
        entries = [{"order": entry["order"], "computeEnvironment": arn} for entry, arn in paired]
        return sorted(entries, key=lambda entry: entry["order"])

    def _environment(self, reference: str) -> Record:
        record = self.environments.get(self._place.name(ENVIRONMENT, reference))
        if record is None:
            raise RequestRefusedError(f"ComputeEnvironment {reference} not found.")
        return record

    def _environment_identity(self, name: str) -> Record:
        return {"computeEnvironmentName": name, "computeEnvironmentArn": self._place.arn(ENVIRONMENT, name)}

    def _queue_identity(self, name: str) -> Record:
        return {"jobQueueName": name, "jobQueueArn": self._place.arn(QUEUE, name)}


def environment_arns(queue: Record) -> list[str]:
    """Return the ARNs of a queue's compute environments in order."""
    return [entry["computeEnvironment"] for entry in queue["computeEnvironmentOrder"]]


def _is_fargate_environment(record: Record) -> bool:
    return record["computeResources"]["type"] in _FARGATE


def _check_resources(resources: Record) -> None:
    kind = resources["type"]
    if kind not in _FARGATE | {"EC2", "SPOT"}:
        raise RequestRefusedError(f"The embedded AWS Batch does not emulate compute resources of type {kind}.")
    if resources["maxvCpus"] < 1:
        raise RequestRefusedError("maxvCpus must be positive.")
    if not resources.get("subnets"):
        raise RequestRefusedError("computeResources.subnets must not be empty.")
    if kind in _FARGATE and not resources.get("securityGroupIds"):
        raise RequestRefusedError("computeResources.securityGroupIds must be provided for Fargate.")
    not_for_fargate = {"instanceTypes", "instanceRole", "minvCpus", "desiredvCpus", "launchTemplate"} & set(resources)
    if kind in _FARGATE and not_for_fargate:
        raise RequestRefusedError(f"{', '.join(sorted(not_for_fargate))} must not be specified for Fargate.")


def _state(request: Record) -> str:
    state: str = request.get("state", "ENABLED")
    if state not in _STATES:
        raise RequestRefusedError(f"state must be ENABLED or DISABLED, not {state}.")
    return state


def _refuse(request: Record, *members: str) -> None:
    """Refuse members that matter and are not emulated."""
    for member in members:
        if request.get(member):
            raise RequestRefusedError(f"The embedded AWS Batch does not emulate {member}.")

"""Compute environments: how many vCPUs there are for jobs, and of which kind.

Facts: AWS Batch API reference, "CreateComputeEnvironment", "UpdateComputeEnvironment", "DeleteComputeEnvironment".
"""

from collections.abc import Callable, Collection
from typing import Any

from infra.local.batch.addresses import Place, check_name
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.jobs import without_none

ENVIRONMENT = "compute-environment"
_FARGATE = frozenset({"FARGATE", "FARGATE_SPOT"})
_STATES = frozenset({"ENABLED", "DISABLED"})

Record = dict[str, Any]


class Environments:
    """Compute environments of one account and region, as the API shows them.

    Parameters
    ----------
    place
        Account and region.
    uuid
        Returns a new UUID.

    Attributes
    ----------
    records
        By name.
    """

    def __init__(self, place: Place, uuid: Callable[[], str]) -> None:
        self._place = place
        self._uuid = uuid
        self.records: dict[str, Record] = {}

    def create(self, request: Record) -> Record:
        """Create a compute environment; it is valid at once, since processes need no instances.

        Raises
        ------
        RequestRefusedError
            If the name is bad or taken, or the kind of capacity is not emulated.
        """
        name = request["computeEnvironmentName"]
        check_name(name, f"Compute environment name should match valid pattern: {name}")
        if name in self.records:
            raise RequestRefusedError("Object already exists")
        if request["type"].upper() != "MANAGED":
            raise RequestRefusedError("The embedded AWS Batch emulates compute environments of type MANAGED only.")
        refuse(request, "eksConfiguration", "unmanagedvCpus")
        resources = request.get("computeResources")
        if not resources:
            raise RequestRefusedError("computeResources must be provided for a MANAGED compute environment.")
        _check_resources(resources)
        uuid = self._uuid()
        cluster = f"AWSBatch-{name}-{uuid}"
        self.records[name] = without_none(
            computeEnvironmentName=name,
            computeEnvironmentArn=self._place.arn(ENVIRONMENT, name),
            ecsClusterArn=f"arn:aws:ecs:{self._place.region}:{self._place.account}:cluster/{cluster}",
            tags=request.get("tags", {}),
            type="MANAGED",
            state=state_of(request),
            status="VALID",
            statusReason="ComputeEnvironment Healthy",
            computeResources=resources,
            serviceRole=request.get("serviceRole"),
            containerOrchestrationType="ECS",
            uuid=uuid,
            context=request.get("context"),
        )
        return self._identity(name)

    def update(self, request: Record) -> Record:
        """Change state, service role or resources of a compute environment.

        Raises
        ------
        RequestRefusedError
            If there is none, or the change is not emulated.
        """
        record = self.get(request["computeEnvironment"])
        refuse(request, "eksConfiguration", "unmanagedvCpus")
        resources = {**record["computeResources"], **request.get("computeResources", {})}
        _check_resources(resources)
        if "state" in request:
            record["state"] = state_of(request)
        record["computeResources"] = resources
        record |= {key: request[key] for key in ("serviceRole", "context", "updatePolicy") if key in request}
        return self._identity(record["computeEnvironmentName"])

    def delete(self, reference: str, in_use: Collection[str]) -> None:
        """Delete a compute environment; deleting one that does not exist succeeds, as on AWS.

        Parameters
        ----------
        reference
            Name or ARN.
        in_use
            ARNs of the environments that job queues use.

        Raises
        ------
        RequestRefusedError
            If it is enabled, or a job queue uses it.
        """
        name = self._place.name(ENVIRONMENT, reference)
        record = self.records.get(name)
        if record is None:
            return
        if record["state"] == "ENABLED":
            raise RequestRefusedError("Cannot delete, resource is not disabled: set its state to DISABLED first")
        if record["computeEnvironmentArn"] in in_use:
            raise RequestRefusedError("Cannot delete, found existing JobQueue relationship")
        del self.records[name]

    def get(self, reference: str) -> Record:
        """Return a compute environment by name or ARN.

        Raises
        ------
        RequestRefusedError
            If there is none.
        """
        record = self.records.get(self._place.name(ENVIRONMENT, reference))
        if record is None:
            raise RequestRefusedError(f"ComputeEnvironment {reference} not found.")
        return record

    def _identity(self, name: str) -> Record:
        return {"computeEnvironmentName": name, "computeEnvironmentArn": self._place.arn(ENVIRONMENT, name)}


def is_fargate_environment(record: Record) -> bool:
    """Whether an environment's jobs run on Fargate."""
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


def state_of(request: Record) -> str:
    """Return the state that a request asks for, ENABLED if it names none."""
    state: str = request.get("state", "ENABLED")
    if state not in _STATES:
        raise RequestRefusedError(f"state must be ENABLED or DISABLED, not {state}.")
    return state


def refuse(request: Record, *members: str) -> None:
    """Refuse members that matter and are not emulated."""
    for member in members:
        if request.get(member):
            raise RequestRefusedError(f"The embedded AWS Batch does not emulate {member}.")

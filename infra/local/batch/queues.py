"""Job queues: in which order jobs start, and in which compute environments.

Facts: AWS Batch API reference, "CreateJobQueue", "UpdateJobQueue", "DeleteJobQueue".
"""

from infra.local.batch.addresses import Place, check_name
from infra.local.batch.environments import Environments, Record, is_fargate_environment, refuse, state_of
from infra.local.batch.errors import RequestRefusedError

QUEUE = "job-queue"
_MOST_ENVIRONMENTS = 3


class Queues:
    """Job queues of one account and region, as the API shows them.

    Parameters
    ----------
    place
        Account and region.
    environments
        Where their jobs run.

    Attributes
    ----------
    records
        By name.
    """

    def __init__(self, place: Place, environments: Environments) -> None:
        self._place = place
        self._environments = environments
        self.records: dict[str, Record] = {}

    def create(self, request: Record) -> Record:
        """Create a job queue.

        Raises
        ------
        RequestRefusedError
            If the name is bad or taken, a compute environment is missing or of another kind than the others, or
            a feature is not emulated.
        """
        name = request["jobQueueName"]
        check_name(name, f"Job queue name should match valid pattern: {name}")
        if name in self.records:
            raise RequestRefusedError("Object already exists")
        refuse(request, "schedulingPolicyArn", "jobStateTimeLimitActions", "serviceEnvironmentOrder")
        if request.get("jobQueueType", "ECS_FARGATE") not in {"ECS", "ECS_FARGATE"}:
            raise RequestRefusedError("The embedded AWS Batch emulates job queues for Amazon ECS and Fargate only.")
        order = self._order(request.get("computeEnvironmentOrder", []))
        on_fargate = is_fargate_environment(self._environments.get(order[0]["computeEnvironment"]))
        self.records[name] = {
            "jobQueueName": name,
            "jobQueueArn": self._place.arn(QUEUE, name),
            "state": state_of(request),
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": request["priority"],
            "computeEnvironmentOrder": order,
            "jobQueueType": "ECS_FARGATE" if on_fargate else "ECS",
            "tags": request.get("tags", {}),
        }
        return self._identity(name)

    def update(self, request: Record) -> Record:
        """Change state, priority or compute environments of a job queue.

        Raises
        ------
        RequestRefusedError
            If there is none, or the new order of compute environments is refused.
        """
        record = self.get(request["jobQueue"])
        refuse(request, "schedulingPolicyArn", "jobStateTimeLimitActions", "serviceEnvironmentOrder")
        if "computeEnvironmentOrder" in request:
            record["computeEnvironmentOrder"] = self._order(request["computeEnvironmentOrder"])
        if "state" in request:
            record["state"] = state_of(request)
        record["priority"] = request.get("priority", record["priority"])
        return self._identity(record["jobQueueName"])

    def delete(self, reference: str) -> str | None:
        """Delete a job queue; deleting one that does not exist succeeds, as on AWS.

        Returns
        -------
        The ARN of the deleted queue, whose jobs are then to be terminated, or None.

        Raises
        ------
        RequestRefusedError
            If it is enabled.
        """
        record = self.records.get(self._place.name(QUEUE, reference))
        if record is None:
            return None
        if record["state"] == "ENABLED":
            raise RequestRefusedError("Cannot delete, resource is not disabled: set its state to DISABLED first")
        del self.records[record["jobQueueName"]]
        return str(record["jobQueueArn"])

    def get(self, reference: str) -> Record:
        """Return a job queue by name or ARN.

        Raises
        ------
        RequestRefusedError
            If there is none.
        """
        record = self.records.get(self._place.name(QUEUE, reference))
        if record is None:
            raise RequestRefusedError(f"JobQueue {reference} not found.")
        return record

    def environments_of(self, queue: Record) -> list[Record]:
        """Return the compute environments of a queue in order."""
        return [self._environments.get(entry["computeEnvironment"]) for entry in queue["computeEnvironmentOrder"]]

    def used_environments(self) -> set[str]:
        """Return the ARNs of the compute environments of all queues."""
        return {
            entry["computeEnvironment"] for queue in self.records.values() for entry in queue["computeEnvironmentOrder"]
        }

    def _order(self, order: list[Record]) -> list[Record]:
        if not 1 <= len(order) <= _MOST_ENVIRONMENTS:
            raise RequestRefusedError(f"A job queue needs 1 to {_MOST_ENVIRONMENTS} compute environments.")
        records = [self._environments.get(entry["computeEnvironment"]) for entry in order]
        if len({is_fargate_environment(record) for record in records}) > 1:
            raise RequestRefusedError("EC2 and Fargate compute environments cannot be mixed in a job queue.")
        arns = [record["computeEnvironmentArn"] for record in records]
        paired = zip(order, arns, strict=True)
        entries = [{"order": entry["order"], "computeEnvironment": arn} for entry, arn in paired]
        return sorted(entries, key=lambda entry: entry["order"])

    def _identity(self, name: str) -> Record:
        return {"jobQueueName": name, "jobQueueArn": self._place.arn(QUEUE, name)}

"""Job definitions and their revisions.

Facts: AWS Batch API reference, "RegisterJobDefinition", "ContainerProperties", "DescribeJobDefinitions"; AWS Batch
user guide, "Job definition parameters".
"""

import json
from typing import Any

from infra.local.batch.addresses import Place, check_name
from infra.local.batch.containers import check_container, is_fargate
from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.retries import check_retry_strategy
from tasks.aws_limits import BATCH_JOB_DEFINITION, BATCH_LEAST_TIMEOUT, utf8_bytes

DEFINITION = "job-definition"

Record = dict[str, Any]


class Definitions:
    """Job definitions of one account and region.

    Parameters
    ----------
    place
        Account and region.
    shortest_timeout
        Least ``attemptDurationSeconds`` that is accepted, in seconds; AWS's is 60.
    """

    def __init__(self, place: Place, shortest_timeout: int = BATCH_LEAST_TIMEOUT.value) -> None:
        self._place = place
        self._shortest_timeout = shortest_timeout
        self.revisions: dict[str, list[Record]] = {}

    def register(self, request: Record) -> Record:
        """Register the next revision of a job definition.

        Raises
        ------
        RequestRefusedError
            If AWS Batch would refuse the definition, or it needs what is not emulated.
        """
        name = request["jobDefinitionName"]
        check_name(name, f"Job definition name should match valid pattern: {name}")
        kib = utf8_bytes(json.dumps(request, separators=(",", ":"), ensure_ascii=False)) / 1024
        if kib > BATCH_JOB_DEFINITION.value / 1024:
            raise RequestRefusedError(
                "Error executing request, Exception : Job definition size must be less than "
                f"{BATCH_JOB_DEFINITION.value // 1024} KiB, got {kib:.0f} KiB"
            )
        for member in ("nodeProperties", "eksProperties", "ecsProperties", "consumableResourceProperties"):
            if member in request:
                raise RequestRefusedError(f"The embedded AWS Batch does not emulate {member}.")
        if request["type"] != "container" or "containerProperties" not in request:
            raise RequestRefusedError("A job definition must be of type container and have containerProperties.")
        check_retry_strategy(request.get("retryStrategy", {}))
        self.check_timeout(request.get("timeout", {}))
        platform = request.get("platformCapabilities", ["EC2"])
        container = {
            "command": [],
            "environment": [],
            "mountPoints": [],
            "resourceRequirements": [],
            "secrets": [],
            "ulimits": [],
            "volumes": [],
            **request["containerProperties"],
        }
        check_container(container, fargate=is_fargate(platform))
        revisions = self.revisions.setdefault(name, [])
        revision = revisions[-1]["revision"] + 1 if revisions else 1
        record = {
            "jobDefinitionName": name,
            "jobDefinitionArn": self._place.arn(DEFINITION, f"{name}:{revision}"),
            "revision": revision,
            "status": "ACTIVE",
            "type": "container",
            "parameters": request.get("parameters", {}),
            "retryStrategy": {"attempts": 1, "evaluateOnExit": [], **request.get("retryStrategy", {})},
            "containerProperties": container,
            "tags": request.get("tags", {}),
            "propagateTags": request.get("propagateTags", False),
            "platformCapabilities": platform,
            "containerOrchestrationType": "ECS",
        }
        if "timeout" in request:
            record["timeout"] = request["timeout"]
        if "schedulingPriority" in request:
            record["schedulingPriority"] = request["schedulingPriority"]
        revisions.append(record)
        return {key: record[key] for key in ("jobDefinitionName", "jobDefinitionArn", "revision")}

    def check_timeout(self, timeout: Record) -> None:
        """Refuse a timeout below AWS Batch's minimum.

        Raises
        ------
        RequestRefusedError
            If it is less than the shortest timeout.
        """
        seconds = timeout.get("attemptDurationSeconds")
        if seconds is not None and seconds < self._shortest_timeout:
            raise RequestRefusedError(
                "Error executing request, Exception : Job timeout attemptDurationSeconds must be at least "
                f"{self._shortest_timeout} seconds."
            )

    def deregister(self, reference: str) -> None:
        """Make a revision inactive: no job can be submitted from it any more.

        Raises
        ------
        RequestRefusedError
            If the reference names no revision that exists.
        """
        if ":" not in self._place.name(DEFINITION, reference):
            raise RequestRefusedError(f"Deregistering needs a revision, as in {reference}:1.")
        self._revision(reference)["status"] = "INACTIVE"

    def find_active(self, reference: str) -> Record:
        """Return the revision that a job is to be submitted from.

        Parameters
        ----------
        reference
            Name (its latest active revision), ``name:revision`` or ARN, with or without revision.

        Raises
        ------
        RequestRefusedError
            If there is none, or it is inactive.
        """
        if ":" in self._place.name(DEFINITION, reference):
            record = self._revision(reference)
            if record["status"] == "ACTIVE":
                return record
            raise RequestRefusedError(f"JobDefinition {reference} is not in ACTIVE status.")
        for record in reversed(self.revisions.get(self._place.name(DEFINITION, reference), [])):
            if record["status"] == "ACTIVE":
                return record
        raise RequestRefusedError(f"JobDefinition name {reference} does not exist or is not in ACTIVE status")

    def describe(self, request: Record) -> list[Record]:
        """Return revisions by reference, by name, by status, or all."""
        every = [record for revisions in self.revisions.values() for record in reversed(revisions)]
        if "jobDefinitions" in request:
            wanted = {self._place.name(DEFINITION, reference) for reference in request["jobDefinitions"]}
            every = [record for record in every if wanted & {record["jobDefinitionName"], _name_and_revision(record)}]
        if "jobDefinitionName" in request:
            every = [record for record in every if record["jobDefinitionName"] == request["jobDefinitionName"]]
        if "status" in request:
            every = [record for record in every if record["status"] == request["status"]]
        return every

    def _revision(self, reference: str) -> Record:
        name, _, revision = self._place.name(DEFINITION, reference).rpartition(":")
        for record in self.revisions.get(name, []):
            if str(record["revision"]) == revision:
                return record
        raise RequestRefusedError(f"JobDefinition {reference} not found.")


def _name_and_revision(record: Record) -> str:
    return f"{record['jobDefinitionName']}:{record['revision']}"

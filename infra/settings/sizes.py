"""How large functions and jobs are, and how long things are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from infra.settings.rules import at_least, between, one_of
from tasks.aws_limits import BATCH_ATTEMPTS, LAMBDA_MEMORY, LAMBDA_TIMEOUT

#: Retentions that CloudWatch Logs accepts, in days (CloudWatch Logs API, "PutRetentionPolicy"), up to a year.
LOG_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365)

#: Memory in MiB that Fargate offers for a number of vCPUs (Batch user guide, "Job definition parameters for
#: Fargate", `resourceRequirements`).
FARGATE_MEMORY: Mapping[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4096 + 1, 1024)),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16_384 + 1, 1024)),
    4: tuple(range(8192, 30_720 + 1, 1024)),
    8: tuple(range(16_384, 61_440 + 1, 4096)),
    16: tuple(range(32_768, 122_880 + 1, 8192)),
}


@dataclass(frozen=True)
class FunctionSize:
    """Size of a Lambda function. 1,769 MB are one vCPU (Lambda developer guide, "Configure memory")."""

    memory_mb: Annotated[int, between(128, LAMBDA_MEMORY.value)]
    timeout_seconds: Annotated[int, between(1, LAMBDA_TIMEOUT.value)]


@dataclass(frozen=True)
class JobSize:
    """Size of a Batch job: vCPUs, memory in MiB, attempts and minutes until an attempt is stopped."""

    vcpus: Annotated[float, one_of(FARGATE_MEMORY)]
    memory_mib: int
    attempts: Annotated[int, between(1, BATCH_ATTEMPTS.value)]
    timeout_minutes: Annotated[int, at_least(1)]


@dataclass(frozen=True)
class Retention:
    """Days to keep what is not kept for ever."""

    logs: Annotated[int, one_of(LOG_RETENTIONS)]
    #: Manifests, markers and summaries of runs. A run can be redriven for 14 days.
    runs: Annotated[int, at_least(14, "to be redrivable")]
    #: Replaced or deleted versions of input data and models.
    old_versions: Annotated[int, at_least(1)]
    #: Items of the predictions table.
    predictions: Annotated[int, at_least(1)]

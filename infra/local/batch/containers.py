"""What a container is asked to be: checks of its properties, and the overrides and parameters of a submission.

Facts: AWS Batch API reference, "ContainerProperties", "ContainerOverrides", "ResourceRequirement"; AWS Batch user
guide, "Job definition parameters" (parameter substitution, reserved environment variables).
"""

import re
from typing import Any

from infra.local.batch.errors import RequestRefusedError
from infra.local.batch.fargate import is_fargate_size

_RESERVED_VARIABLES = "AWS_BATCH"
_SMALLEST_MEMORY = 4
_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")
# What changes how a container behaves and cannot be given to a plain process.
_NOT_EMULATED = (
    "instanceType",
    "linuxParameters",
    "mountPoints",
    "privileged",
    "repositoryCredentials",
    "secrets",
    "ulimits",
    "volumes",
)

Record = dict[str, Any]


def is_fargate(platform_capabilities: list[str]) -> bool:
    """Whether a job definition is for Fargate."""
    return "FARGATE" in platform_capabilities


def check_container(container: Record, *, fargate: bool) -> None:
    """Refuse container properties that AWS Batch refuses, and those that are not emulated.

    The older members ``vcpus`` and ``memory`` become resource requirements in place, as AWS Batch shows them.

    Raises
    ------
    RequestRefusedError
        Naming the member.
    """
    if not container.get("image"):
        raise RequestRefusedError("Error executing request, Exception : Container image must be provided.")
    for member in _NOT_EMULATED:
        if container.get(member):
            raise RequestRefusedError(f"The embedded AWS Batch does not emulate containerProperties.{member}.")
    driver = container.get("logConfiguration", {}).get("logDriver", "awslogs")
    if driver != "awslogs":
        raise RequestRefusedError(f"The embedded AWS Batch does not emulate the log driver {driver}.")
    _check_environment(container["environment"])
    if fargate:
        _check_fargate(container)
    else:
        _adopt_older_members(container)
    _check_resources(container, fargate=fargate)


def overridden(container: Record, overrides: Record, parameters: dict[str, str], *, fargate: bool) -> Record:
    """Return container properties with a submission's overrides and parameters.

    Parameters
    ----------
    container
        ``containerProperties`` of the job definition; stays as it is.
    overrides
        ``containerOverrides`` of the submission.
    parameters
        Values for ``Ref::name`` in the command; a reference without value stays as it is.
    fargate
        Whether Fargate's rules hold.

    Raises
    ------
    RequestRefusedError
        If the overrides ask for what AWS Batch refuses.
    """
    if fargate:
        for member in ("vcpus", "memory", "instanceType"):
            if member in overrides:
                raise RequestRefusedError(f"{member} is not applicable for Fargate. Use resource requirements instead.")
    if "instanceType" in overrides:
        raise RequestRefusedError("The embedded AWS Batch does not emulate containerOverrides.instanceType.")
    requirements = list(overrides.get("resourceRequirements", []))
    requirements += [
        {"type": kind, "value": str(overrides[member])}
        for member, kind in (("vcpus", "VCPU"), ("memory", "MEMORY"))
        if member in overrides
    ]
    _check_environment(overrides.get("environment", []))
    command: list[str] = {**container, **overrides}["command"]
    merged: Record = {
        **container,
        "command": [_substituted(part, parameters) for part in command],
        "environment": _merged(container["environment"], overrides.get("environment", []), "name"),
        "resourceRequirements": _merged(container["resourceRequirements"], requirements, "type"),
    }
    _check_resources(merged, fargate=fargate)
    return merged


def _substituted(part: str, parameters: dict[str, str]) -> str:
    return _REFERENCE.sub(lambda found: parameters.get(found[1], found[0]), part)


def _merged(base: list[Record], changes: list[Record], key: str) -> list[Record]:
    """Return the entries of both lists, one for each value of `key`; changes win."""
    return list({entry[key]: entry for entry in [*base, *changes]}.values())


def _check_environment(environment: list[Record]) -> None:
    for variable in environment:
        if "name" not in variable or "value" not in variable:
            raise RequestRefusedError("Environment variables need a name and a value.")
        if variable["name"].startswith(_RESERVED_VARIABLES):
            raise RequestRefusedError(
                f'Environment variables cannot start with "{_RESERVED_VARIABLES}": {variable["name"]}'
            )


def _check_fargate(container: Record) -> None:
    for member in ("vcpus", "memory"):
        if member in container:
            raise RequestRefusedError(f"{member} is not applicable for Fargate. Use resource requirements instead.")
    if not container.get("executionRoleArn"):
        raise RequestRefusedError(
            "Error executing request, Exception : EXECUTION_ROLE_ARN must be provided for Fargate."
        )


def _adopt_older_members(container: Record) -> None:
    for member in ("networkConfiguration", "fargatePlatformConfiguration"):
        if member in container:
            raise RequestRefusedError(f"{member} is only applicable for Fargate.")
    for member, kind in (("vcpus", "VCPU"), ("memory", "MEMORY")):
        if member in container:
            entry = {"type": kind, "value": str(container.pop(member))}
            container["resourceRequirements"] = _merged(container["resourceRequirements"], [entry], "type")


def _check_resources(container: Record, *, fargate: bool) -> None:
    requirements = {entry["type"]: entry["value"] for entry in container["resourceRequirements"]}
    if "GPU" in requirements:
        raise RequestRefusedError("The embedded AWS Batch does not emulate resource requirements of type GPU.")
    for kind, shown in (("VCPU", "vCPU"), ("MEMORY", "Memory")):
        if kind not in requirements:
            raise RequestRefusedError(f"Error executing request, Exception : {shown} is not provided.")
    try:
        vcpus, memory = float(requirements["VCPU"]), int(requirements["MEMORY"])
    except ValueError:
        raise RequestRefusedError("Error executing request, Exception : vCPU and memory must be numbers.") from None
    if fargate and not is_fargate_size(vcpus, memory):
        raise RequestRefusedError(f"Fargate resource requirements ({vcpus:.2f} vCPU, {memory} MiB) not valid.")
    if not fargate and (vcpus < 1 or not vcpus.is_integer()):
        raise RequestRefusedError("Error executing request, Exception : vCPU must be a whole number of at least 1.")
    if memory < _SMALLEST_MEMORY:
        raise RequestRefusedError(
            f"Error executing request, Exception : Memory must be at least {_SMALLEST_MEMORY} MiB."
        )

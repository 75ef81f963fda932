"""Which program stands for which container image.

There is no container engine. What runs is decided by the image's name:

- An image in the embedded AWS's ECR was pushed there by the deployment: it is ours, and its entry point is the
  `batch_jobs` command line of this very code.
- A few public base images stand for the programs of this machine: the command runs as it is.
- Every other image cannot be pulled, and the job fails saying so.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.local.batch.errors import TaskNotStartedError

SOURCES = Path(__file__).parents[3]
"""Directory that holds the `batch_jobs` package, which the image has as its working directory."""


@dataclass(frozen=True)
class Program:
    """What an image brings along.

    Attributes
    ----------
    entry_point
        First words of every command.
    command
        What runs when the job has no command of its own.
    environment
        Variables that the image sets.
    """

    entry_point: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def argv(self, command: list[str]) -> list[str]:
        """Return the whole command line of a job.

        Raises
        ------
        TaskNotStartedError
            If neither the image nor the job says what to run.
        """
        argv = [*self.entry_point, *(command or self.command)]
        if not argv:
            raise TaskNotStartedError("CannotStartContainerError: no command specified")
        return argv


@dataclass(frozen=True)
class EcrImage:
    """An image in Amazon ECR: registry (account), region, repository, and its tag or digest."""

    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def image_id(self) -> dict[str, str]:
        """The image as ECR's API identifies it; a digest says more than a tag."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": str(self.tag)}


OURS = Program(
    entry_point=[sys.executable, "-m", "batch_jobs"],
    environment={"PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"},
)

HOST_PROGRAMS = {
    "alpine": Program(command=["sh"]),
    "amazonlinux": Program(command=["bash"]),
    "amazonlinux/amazonlinux": Program(command=["bash"]),
    "busybox": Program(command=["sh"]),
    "debian": Program(command=["bash"]),
    "python": Program(command=["python3"]),
    "ubuntu": Program(command=["bash"]),
}
"""Repository, without registry, of the public images that stand for the programs of this machine."""

_PUBLIC_REGISTRIES = (
    "docker.io/library/",
    "docker.io/",
    "library/",
    "public.ecr.aws/docker/library/",
    "public.ecr.aws/",
)
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def ecr_image(image: str) -> EcrImage | None:
    """Read the name of an image in Amazon ECR; None if it is one of another registry."""
    match = _ECR.fullmatch(image)
    if match is None:
        return None
    named = EcrImage(**match.groupdict())
    return named if named.tag or named.digest else replace(named, tag="latest")


def find_program(image: str, is_pushed: Callable[[EcrImage], bool]) -> Program:
    """Return the program that stands for an image.

    Parameters
    ----------
    image
        As the job definition names it.
    is_pushed
        Tells whether an image is in the embedded AWS's ECR.

    Raises
    ------
    TaskNotStartedError
        ``CannotPullContainerError`` naming the image, if nothing stands for it.
    """
    in_ecr = ecr_image(image)
    if in_ecr:
        if is_pushed(in_ecr):
            return OURS
        raise TaskNotStartedError(
            f"CannotPullContainerError: Error response from daemon: manifest for {image} not found: "
            "manifest unknown: Requested image not found"
        )
    repository = image.split("@")[0].split(":")[0]
    for registry in _PUBLIC_REGISTRIES:
        if repository.startswith(registry):
            repository = repository.removeprefix(registry)
            break
    if repository in HOST_PROGRAMS:
        return HOST_PROGRAMS[repository]
    raise TaskNotStartedError(
        f"CannotPullContainerError: the embedded AWS has no program for the image {image}; it runs images that "
        f"were pushed to its own ECR, and the programs of this machine for {', '.join(sorted(HOST_PROGRAMS))}"
    )

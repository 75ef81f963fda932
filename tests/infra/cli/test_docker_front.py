"""What stands between the CDK and the engine: a real process before an engine that is one, too."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.cli.stacks.docker_front import ENGINE, REFUSAL, SCHEMA_2, write_launcher
from infra.parts.image import OUTPUT

OCI = "application/vnd.oci.image.manifest.v1+json"
LINUX = {"Os": "linux", "Architecture": "amd64"}
FAKE_ENGINE = """#!/bin/sh
[ "$1" = --version ] && echo '{version}' && exit 0
printf '%s\\n' "$*" >> '{calls}'
[ "$1" = --config ] && shift 2
if [ "$1 $2" = "image inspect" ]; then
  [ -s '{image}' ] && cat '{image}' || {{ echo 'no such image' >&2; exit {absent}; }}
fi
"""

Front = Callable[..., "subprocess.CompletedProcess[str]"]


class Engine:
    """An engine that says of its one image what a test wants, and writes down what it is told to do."""

    def __init__(self, folder: Path, version: str, absent: int) -> None:
        self._calls, self._image = folder / "calls", folder / "image"
        program = folder / "engine"
        program.write_text(FAKE_ENGINE.format(version=version, calls=self._calls, image=self._image, absent=absent))
        program.chmod(0o755)
        self.environment = {**os.environ, "CDK_DOCKER": str(program)}

    def holds(self, **image: Any) -> None:
        self._image.write_text(json.dumps([image]))

    @property
    def calls(self) -> list[str]:
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [line for line in lines if "image inspect" not in line]


@pytest.fixture
def engine(tmp_path: Path) -> Callable[..., Engine]:
    return lambda version="Docker version 29.0.4, build 3247a5a", absent=1: Engine(tmp_path, version, absent)


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Front:
    def call(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setenv("CDK_DOCKER", engine.environment["CDK_DOCKER"])
        (tmp_path / "home").mkdir(exist_ok=True)
        environment = {**engine.environment, **write_launcher(tmp_path / "home")}
        command = [environment["CDK_DOCKER"], *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return call


@pytest.mark.parametrize(
    "image",
    [
        pytest.param({"Descriptor": {"mediaType": SCHEMA_2}, **LINUX}, id="containerd store"),
        pytest.param(LINUX, id="classic store, or an engine that does not say"),
        pytest.param({"Descriptor": None, **LINUX}, id="nothing described"),
        pytest.param({"Id": "sha256:1"}, id="nothing said at all"),
        pytest.param({"ManifestType": SCHEMA_2, **LINUX}, id="podman"),
    ],
)
def test_an_image_that_sagemaker_runs_is_pushed(
    engine: Callable[..., Engine], front: Front, image: dict[str, Any]
) -> None:
    docker = engine()
    docker.holds(**image)

    assert front(docker, "push", "repository:tag").returncode == 0
    assert front(docker, "inspect", "cdkasset-1").returncode == 0

    assert docker.calls == ["push repository:tag", "inspect cdkasset-1"]


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ({"Descriptor": {"mediaType": OCI}, **LINUX}, OCI),
        ({"Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json"}, **LINUX}, "oci.image.index"),
        ({"ManifestType": OCI, **LINUX}, OCI),
        ({"Descriptor": {"mediaType": SCHEMA_2}, "Os": "linux", "Architecture": "arm64"}, "linux/arm64"),
    ],
)
def test_an_image_that_sagemaker_refuses_is_not_pushed(
    engine: Callable[..., Engine], front: Front, image: dict[str, Any], named: str
) -> None:
    docker = engine()
    docker.holds(**image)

    refused = front(docker, "push", "repository:tag")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{REFUSAL}Docker version 29.0.4, build 3247a5a made repository:tag as ")
    assert named in refused.stderr
    assert "docker buildx create --use --driver docker-container" in refused.stderr
    assert docker.calls == []


def test_an_image_of_an_earlier_build_that_sagemaker_refuses_is_built_anew(
    engine: Callable[..., Engine], front: Front
) -> None:
    """Else a refused image would be found again at every attempt (`isImageCached` of the CDK)."""
    docker = engine()
    docker.holds(Descriptor={"mediaType": OCI}, **LINUX)

    assert front(docker, "inspect", "cdkasset-1").returncode == 1
    assert docker.calls == []


@pytest.mark.parametrize("absent", [1, 125])
def test_an_image_that_is_not_there_is_told_as_the_engine_tells_it(
    engine: Callable[..., Engine], front: Front, absent: int
) -> None:
    """The CDK takes 1 of Docker and 125 of Podman for an absence, and everything else for a failure."""
    assert front(engine(absent=absent), "inspect", "cdkasset-1").returncode == absent


@pytest.mark.parametrize(
    ("version", "heard"),
    [
        (
            "Docker version 29.0.4, build 3247a5a",
            f"--config folder build --tag a --platform linux/amd64 --output={OUTPUT} .",
        ),
        ("finch version v1.8.2", f"--config folder build --tag a --platform linux/amd64 --output={OUTPUT} ."),
        ("podman version 5.4.2", "--config folder build --format docker --tag a --platform linux/amd64 ."),
    ],
)
def test_an_engine_is_told_to_build_schema_2_in_its_own_words(
    engine: Callable[..., Engine], front: Front, version: str, heard: str
) -> None:
    program = engine(version)

    front(program, "--config", "folder", "build", "--tag", "a", "--platform", "linux/amd64", f"--output={OUTPUT}", ".")

    assert program.calls == [heard]


def test_everything_else_is_the_engines(engine: Callable[..., Engine], front: Front) -> None:
    docker = engine()

    front(docker, "login", "--username", "AWS", "--password-stdin", "registry")
    front(docker, "tag", "a", "b")

    assert docker.calls == ["login --username AWS --password-stdin registry", "tag a b"]


def test_the_engine_is_found_wherever_the_cdk_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CDK builds in the image's context: a path that is relative to another folder would lead nowhere."""
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CDK_DOCKER", raising=False)

    variables = write_launcher(tmp_path / "home")

    assert variables[ENGINE] == str(tmp_path / "docker")
    assert variables["DOCKER_BUILDKIT"] == "1"

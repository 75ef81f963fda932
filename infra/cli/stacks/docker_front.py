"""Stands between the CDK and the container engine on the way to an account (``CDK_DOCKER``): decision 13.

SageMaker runs images whose manifest is Docker's schema 2 and no others, and the tags of the CDK's repository are
immutable: what is pushed in another form cannot be pushed again. So the engine is asked what it made before it pushes.

- ``build`` goes to Podman in Podman's words: it has no ``--output type=docker``, and `--format docker` instead
  (Podman documentation, "podman-build").
- ``inspect``, by which the CDK finds an image that it built before, does not find one of another form.
- ``push`` is refused for an image of another form.

Everything else the engine does as it is told. Runs as a program of its own, with the standard library alone.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ENGINE = "ML_PIPELINE_ENGINE"
REFUSAL = "image refused: "
SCHEMA_2 = "application/vnd.docker.distribution.manifest.v2+json"
PLATFORM = "linux/amd64"


def engine() -> str:
    """Name the user's container engine, as the CDK finds it: Docker, or what stands in ``CDK_DOCKER``."""
    return os.environ.get("CDK_DOCKER", "docker")


def write_launcher(directory: Path) -> dict[str, str]:
    """Write an executable that runs this file with this interpreter.

    Parameters
    ----------
    directory
        Existing; receives the executable.

    Returns
    -------
    The variables to run ``cdk`` with.
    """
    launcher = directory / "docker"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P {shlex.quote(__file__)} "$@"\n')
    launcher.chmod(0o755)
    # BuildKit is asked for by name: Docker's old builder knows no `--output`.
    return {"CDK_DOCKER": str(launcher), ENGINE: shutil.which(engine()) or engine(), "DOCKER_BUILDKIT": "1"}


def version(program: str) -> str:
    """What an engine says that it is: ``Docker version 29.0.4, build 3247a5a``; its name if it says nothing."""
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - the user's own
    return asked.stdout.strip().partition("\n")[0] or Path(program).name


def remedy(engine_version: str) -> str:
    """Say how to come to an engine that makes the form that is wanted."""
    if engine_version.startswith("Docker"):
        # It brings BuildKit of its own, instead of the one that is built into the engine.
        return "Run `docker buildx create --use --driver docker-container` and deploy again."
    return "Unset CDK_DOCKER on a machine with Docker and deploy again."


def wrong_form(image: dict[str, Any]) -> str | None:
    """Say what an image is that SageMaker would not run; None if the engine knows of nothing against it.

    Parameters
    ----------
    image
        What ``image inspect`` says. Docker describes the manifest in ``Descriptor`` where its image store is
        containerd's (Engine API, "Inspect an image"; the classic store has none and always pushes schema 2), Podman in
        ``ManifestType``. What an engine does not say, only ECR can tell, after the push.
    """
    media_type = (image.get("Descriptor") or {}).get("mediaType") or image.get("ManifestType")
    if media_type and media_type != SCHEMA_2:
        return str(media_type)
    platform = "/".join(image[part] for part in ("Os", "Architecture") if image.get(part))
    return None if platform in ("", PLATFORM) else f"an image for {platform}"


def main(arguments: list[str]) -> int:
    """Carry out one command; return its exit code, if the engine does not take over."""
    program = os.environ[ENGINE]
    options = 2 if arguments[:1] == ["--config"] else 0
    command = arguments[options : options + 1]
    if command == ["build"] and version(program).startswith("podman"):
        arguments = [word for word in arguments if not word.startswith("--output=type=docker")]
        arguments[options + 1 : options + 1] = ["--format", "docker"]
    elif command in (["inspect"], ["push"]):
        name = arguments[-1]
        asked = [program, *arguments[:options], "image", "inspect", name]
        found = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - the user's engine
        if found.returncode != 0:
            return found.returncode
        form = wrong_form(json.loads(found.stdout)[0])
        if form is not None:
            made_by = version(program)
            sys.stderr.write(
                f"{REFUSAL}{made_by} made {name} as {form}, and SageMaker runs {SCHEMA_2} for {PLATFORM} alone. "
                f"{remedy(made_by)}\n"
            )
            return 1
    os.execvp(program, [program, *arguments])  # noqa: S606 - the user's engine
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

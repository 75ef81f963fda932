"""Stands in for ``docker`` while the CDK publishes image assets to the embedded AWS (``CDK_DOCKER``).

There is no Docker engine: nothing is built. An image is the digest of its context; pushing it puts a manifest with
that digest into the embedded ECR, so that a job of an image that nobody pushed can be refused. Jobs of a pushed
image run as processes of the source tree.

Answers what ``cdk-assets`` calls (package ``@aws-cdk/cdk-assets-lib``, ``docker.ts``): inspect, build, tag, login,
push. Anything else fails.
"""

import argparse
import glob
import hashlib
import json
import os
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import boto3

NOTICE = "docker stand-in: not building, there is no Docker engine here; jobs of this image run the source tree"
IMAGES = "ML_PIPELINE_IMAGES"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"


class StandInError(Exception):
    """The command cannot be carried out; worded for who deploys."""


def write_launcher(directory: Path) -> dict[str, str]:
    """Write an executable that runs this file with this interpreter.

    Parameters
    ----------
    directory
        Existing; receives the executable and the list of images between its calls.

    Returns
    -------
    The variables to run ``cdk`` with.
    """
    launcher = directory / "docker"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} "$@"\n')
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    return {"CDK_DOCKER": str(launcher), IMAGES: str(directory / "images.json")}


def build(arguments: list[str]) -> None:
    """Check Dockerfile and context, and remember the context's digest under the tag.

    Raises
    ------
    StandInError
        If the context or the Dockerfile is missing, names no base image, or copies what is not there.
    """
    parser = argparse.ArgumentParser(prog="docker build", exit_on_error=False)
    parser.add_argument("--tag", "-t", required=True)
    parser.add_argument("--file", "-f", default="Dockerfile")
    for option in ("--build-arg", "--build-context", "--secret", "--ssh", "--target", "--network", "--platform"):
        parser.add_argument(option, action="append")
    for option in ("--output", "--cache-from", "--cache-to"):
        parser.add_argument(option, action="append")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("context", type=Path)
    options = parser.parse_args([part for argument in arguments for part in argument.split("=", 1)])
    context: Path = options.context
    dockerfile = context / options.file
    if not context.is_dir():
        raise StandInError(f"the build context {context.absolute()} does not exist")
    if not dockerfile.is_file():
        raise StandInError(f"there is no Dockerfile {dockerfile.absolute()}")
    _check_dockerfile(dockerfile, context)
    _remember(options.tag, _digest(context))
    sys.stderr.write(NOTICE + "\n")


def tag(source: str, target: str) -> None:
    """Give an image another name."""
    _remember(target, _image(source))


def push(name: str) -> None:
    """Put the image's manifest into the repository that its name says."""
    digest = _image(name)
    repository, _, image_tag = name.partition("/")[2].rpartition(":")
    config = {"mediaType": CONFIG, "size": 0, "digest": digest}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
    ecr = boto3.client("ecr")
    try:
        ecr.put_image(
            repositoryName=repository,
            imageTag=image_tag,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=MANIFEST,
        )
    except ecr.exceptions.ImageAlreadyExistsException:
        return


def inspect(name: str) -> None:
    """Say what an image is; the CDK asks whether it must build."""
    sys.stdout.write(json.dumps([{"Id": _image(name)}]) + "\n")


def main(arguments: list[str]) -> int:
    """Carry out one docker command; return its exit code."""
    command, *rest = arguments or [""]
    try:
        if command == "build":
            build(rest)
        elif command == "tag" and len(rest) == 2:
            tag(*rest)
        elif command == "push" and len(rest) == 1:
            push(*rest)
        elif command == "inspect" and len(rest) == 1:
            inspect(*rest)
        elif command == "login":
            sys.stdin.read()  # the password; the embedded ECR is called with the AWS credentials instead
        else:
            raise StandInError(f"docker {' '.join(arguments)} is not among what it stands in for")
    except (StandInError, argparse.ArgumentError) as error:
        sys.stderr.write(f"docker stand-in: {error}\n")
        return 1
    return 0


def _check_dockerfile(dockerfile: Path, context: Path) -> None:
    text = dockerfile.read_text().replace("\\\n", " ")
    instructions = [shlex.split(line, comments=True) for line in text.splitlines() if _is_checked(line)]
    if not any(words[0].upper() == "FROM" for words in instructions):
        raise StandInError(f"{dockerfile} names no base image (FROM)")
    for words in instructions:
        sources = [word for word in words[1:-1] if not word.startswith("--")]
        copies = words[0].upper() == "COPY" and not any(word.startswith("--from") for word in words)
        for source in sources if copies else []:
            if not glob.glob(str(context / source.lstrip("/"))):
                raise StandInError(f"{dockerfile} copies {source}, which the context {context} does not have")


def _is_checked(line: str) -> bool:
    return line.strip().upper().startswith(("FROM ", "COPY "))


def _digest(context: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(context.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(context)}\0{content}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _images_file() -> Path:
    if not os.environ.get(IMAGES):
        raise StandInError(f"{IMAGES} must name the file that it keeps the list of images in; `write_launcher` sets it")
    return Path(os.environ[IMAGES])


def _images() -> dict[str, str]:
    file = _images_file()
    images: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return images


def _image(name: str) -> str:
    images = _images()
    if name not in images:
        raise StandInError(f"no such image: {name}")
    return images[name]


def _remember(name: str, digest: str) -> None:
    file = _images_file()
    scratch = file.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps({**_images(), name: digest}))
    scratch.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

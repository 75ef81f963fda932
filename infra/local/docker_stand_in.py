"""Stands in for ``docker`` while the CDK publishes image assets to the embedded AWS (``CDK_DOCKER``).

There is no Docker engine: nothing is built. An image is the digest of its context; pushing it puts a manifest with
that digest into the embedded ECR, so that a job of an image that nobody pushed can be refused. Jobs of a pushed
image run as processes of the source tree.

The manifest has the form that Docker Engine 29 with BuildKit 0.31 gives it, so that what SageMaker refuses is refused
here too: an OCI index where attestations are not turned off (Docker documentation, "Build variables", section
"BUILDX_NO_DEFAULT_ATTESTATIONS", and "Image attestation storage"), an OCI manifest unless ``oci-mediatypes=false`` asks
for Docker's schema 2 (release notes of BuildKit 0.31.0), and the machine's own platform unless one is named.

Answers what ``cdk-assets`` calls (package ``@aws-cdk/cdk-assets-lib``, ``docker.ts``): inspect, build, tag, login,
push. Anything else fails.
"""

import argparse
import contextlib
import glob
import hashlib
import json
import os
import platform
import shlex
import stat
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3

NOTICE = "docker stand-in: not building, there is no Docker engine here; jobs of this image run the source tree"
IMAGES = "ML_PIPELINE_IMAGES"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
CONFIGS = {
    MANIFEST: "application/vnd.docker.container.image.v1+json",
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
}
VERSION = "Docker version 29.0.0, build stand-in"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_TRUE = ("1", "t", "true")


class StandInError(Exception):
    """The command cannot be carried out; worded for who deploys."""


@dataclass(frozen=True)
class Image:
    """What a build made.

    Attributes
    ----------
    digest
        Of the context.
    form
        Media type of what is pushed.
    platform
        Such as ``linux/amd64``.
    """

    digest: str
    form: str
    platform: str


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
    for option in ("--build-arg", "--build-context", "--secret", "--ssh", "--target", "--network"):
        parser.add_argument(option, action="append")
    for option in ("--cache-from", "--cache-to"):
        parser.add_argument(option, action="append")
    parser.add_argument("--platform", default=f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}")
    parser.add_argument("--output", default="type=docker")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("context", type=Path)
    options = parser.parse_args(arguments)
    context: Path = options.context
    dockerfile = context / options.file
    if not context.is_dir():
        raise StandInError(f"the build context {context.absolute()} does not exist")
    if not dockerfile.is_file():
        raise StandInError(f"there is no Dockerfile {dockerfile.absolute()}")
    _check_dockerfile(dockerfile, context)
    _remember(options.tag, Image(_digest(context), _form(options.output), options.platform))
    sys.stderr.write(NOTICE + "\n")


def tag(source: str, target: str) -> None:
    """Give an image another name."""
    _remember(target, _image(source))


def push(name: str) -> None:
    """Put the image's manifest into the repository that its name says."""
    image = _image(name)
    repository, _, image_tag = name.partition("/")[2].rpartition(":")
    if image.form != OCI_INDEX:
        _put(repository, _manifest(image.form, image.digest), image_tag)
        return
    operating_system, architecture = image.platform.split("/")[:2]
    described = _put(repository, _manifest(OCI_MANIFEST, image.digest), None)
    parts = [{**described, "platform": {"os": operating_system, "architecture": architecture}}]
    _put(repository, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": parts}, image_tag)


def inspect(name: str) -> None:
    """Say what an image is; the CDK asks whether it must build."""
    image = _image(name)
    operating_system, architecture = image.platform.split("/")[:2]
    described = {
        "Id": image.digest,
        "Os": operating_system,
        "Architecture": architecture,
        "Descriptor": {"mediaType": image.form},
    }
    sys.stdout.write(json.dumps([described]) + "\n")


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
        elif command == "image" and len(rest) == 2 and rest[0] == "inspect":
            inspect(rest[1])
        elif command in ("--version", "info"):
            sys.stdout.write(VERSION + "\n")
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


def _form(output: str) -> str:
    """Return the media type of what BuildKit exports."""
    wanted = dict(part.partition("=")[::2] for part in output.split(","))
    if wanted.get("type") not in ("docker", "image"):
        raise StandInError(f"--output {output} is not among what it stands in for")
    if os.environ.get("BUILDX_NO_DEFAULT_ATTESTATIONS", "").lower() not in _TRUE:
        return OCI_INDEX
    return MANIFEST if wanted.get("oci-mediatypes") == "false" else OCI_MANIFEST


def _manifest(media_type: str, digest: str) -> dict[str, Any]:
    config = {"mediaType": CONFIGS[media_type], "size": 0, "digest": digest}
    return {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []}


def _put(repository: str, manifest: dict[str, Any], image_tag: str | None) -> dict[str, Any]:
    """Put a manifest into the embedded ECR; return the descriptor by which an index names it."""
    text = json.dumps(manifest)
    ecr = boto3.client("ecr")
    tagged = {"imageTag": image_tag} if image_tag else {}
    with contextlib.suppress(ecr.exceptions.ImageAlreadyExistsException):
        ecr.put_image(repositoryName=repository, imageManifest=text, **tagged)
    return {
        "mediaType": manifest["mediaType"],
        "size": len(text),
        "digest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
    }


def _images_file() -> Path:
    if not os.environ.get(IMAGES):
        raise StandInError(f"{IMAGES} must name the file that it keeps the list of images in; `write_launcher` sets it")
    return Path(os.environ[IMAGES])


def _images() -> dict[str, Any]:
    file = _images_file()
    images: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return images


def _image(name: str) -> Image:
    images = _images()
    if name not in images:
        raise StandInError(f"no such image: {name}")
    return Image(**images[name])


def _remember(name: str, image: Image) -> None:
    file = _images_file()
    scratch = file.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps({**_images(), name: asdict(image)}))
    scratch.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

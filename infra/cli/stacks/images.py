"""The container images of a deployment: built, pushed and looked at before any stack is touched (decision 13)."""

import json
import shutil
import subprocess
from collections.abc import Sequence

from rich.console import Console

from infra.cli.stacks.cdk import Cdk
from infra.cli.stacks.docker_front import SCHEMA_2, engine, remedy, version
from infra.cli.terminal.errors import CommandError, RefusedError, UnavailableError
from infra.cli.terminal.target import Target

_SECONDS_FOR_DOCKER = 20.0
_LAYERS = frozenset(
    f"application/vnd.docker.image.rootfs.{kind}" for kind in ("diff.tar", "diff.tar.gzip", "foreign.diff.tar.gzip")
)
"""Of schema 2 (Distribution's documentation, "Image Manifest Version 2, Schema 2"); zstd is not among them."""


def publish_images(cdk: Cdk, target: Target, stacks: Sequence[str], console: Console) -> None:
    """Make sure that an account has the images of stacks, in the form that SageMaker runs.

    Parameters
    ----------
    cdk
        Has synthesized.
    stacks
        Names of the stacks that will be deployed with what they depend on; all, if there are none.

    Raises
    ------
    RefusedError
        If an image is in ECR in another form already, or the engine makes another form.
    UnavailableError
        If images must be built and there is no container engine, or ECR does not let us look at them.
    CommandError
        If the CDK cannot build or push.

    Side effects: with all other assets of the stacks, the images that the account does not have yet are pushed.
    """
    images = [_placed(target, *image) for image in cdk.assembly.images(cdk.assembly.with_dependencies(stacks))]
    missing = 0
    for image in images:
        try:
            form = _form(target, *image)
        except UnavailableError:
            form = None  # where we may not ask, it is taken for missing, as the CDK may build it
        if form is None:
            missing += 1
        elif form != SCHEMA_2:
            raise _unusable(target, *image, form, "is there already", "Then deploy again.")
    if not missing:
        return
    _check_engine(missing)
    console.print("Building and pushing the images…")
    cdk.publish(stacks)
    made_by = version(engine())
    for image in images:
        form = _form(target, *image)
        if form is None:
            raise CommandError(f"The image {':'.join(image)} was pushed and is not in ECR.", "No stack was touched.")
        if form != SCHEMA_2:
            raise _unusable(target, *image, form, f"was pushed by {made_by}", f"Then: {remedy(made_by)}")


def _check_engine(images: int) -> None:
    program = engine()
    what = "An image" if images == 1 else f"{images} images"
    if shutil.which(program) is None:
        raise UnavailableError(
            f"{what} must be built, but there is no program named {program!r}.",
            "Install Docker, name another one in CDK_DOCKER, or deploy from a machine that has it.",
        )
    try:
        subprocess.run([program, "info"], check=True, capture_output=True, text=True, timeout=_SECONDS_FOR_DOCKER)  # noqa: S603 - the user's own Docker
    except (subprocess.SubprocessError, OSError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        raise UnavailableError(f"{what} must be built, but Docker does not answer: {said}", "Start Docker.") from error


def _placed(target: Target, repository: str, tag: str) -> tuple[str, str]:
    for placeholder, value in (("AccountId", target.account), ("Region", target.region), ("Partition", "aws")):
        repository = repository.replace(f"${{AWS::{placeholder}}}", value)
    return repository, tag


def _form(target: Target, repository: str, tag: str) -> str | None:
    """Tell the media type of an image in ECR, or of its first layer that is none of schema 2; None if it is not there.

    The manifest is asked for by digest: by tag, ECR translates it into what the client takes (Amazon ECR user guide,
    "Container image manifest format support in Amazon ECR").
    """
    ecr = target.client("ecr")
    try:
        (described,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
        form: str = described.get("imageManifestMediaType", SCHEMA_2)
        if form != SCHEMA_2:
            return form
        by_digest = [{"imageDigest": described["imageDigest"]}]
        (image,) = ecr.batch_get_image(repositoryName=repository, imageIds=by_digest)["images"]
    except (ecr.exceptions.RepositoryNotFoundException, ecr.exceptions.ImageNotFoundException):
        return None
    except ecr.exceptions.ClientError as error:
        raise UnavailableError(
            f"The image {repository}:{tag} cannot be looked at: {error}.",
            "Allow ecr:DescribeImages and ecr:BatchGetImage on its repository; no stack was touched.",
        ) from error
    manifest = json.loads(image["imageManifest"])
    others = (layer["mediaType"] for layer in manifest.get("layers", ()) if layer["mediaType"] not in _LAYERS)
    return str(next(others, manifest["mediaType"]))


def _unusable(target: Target, repository: str, tag: str, form: str, origin: str, further: str) -> RefusedError:
    return RefusedError(
        f"The image {repository}:{tag} {origin} as {form}, and SageMaker runs {SCHEMA_2} alone; no stack was touched.",
        f"Its tag is immutable: remove it with `aws ecr batch-delete-image --region {target.region} "
        f"--repository-name {repository} --image-ids imageTag={tag}`. {further}",
    )

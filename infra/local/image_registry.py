"""ECR as the CDK and SageMaker know it, where the emulator is more lenient or says less.

- DescribeImages raises ImageNotFoundException. Symptom: what is not found is left out, from which the CDK concludes
  that an image is published already, and never pushes it.
- PutImage refuses what ECR refuses (Amazon ECR API reference, "PutImage"). Symptom: anything is an image, of Docker's
  schema 2 unless the request says otherwise, and pushing twice succeeds.

Layers are not stored, so whether those that a manifest names were uploaded is not checked.
"""

import dataclasses
import hashlib
import json
from typing import Any

from infra.local.emulator import Emulator
from infra.local.image_manifests import InvalidManifestError, Manifest, read_manifest
from infra.local.service_model import InvalidRequestError, check
from infra.local.wire import Handler, Request, Response, error_response

Record = dict[str, Any]

_TARGET = "AmazonEC2ContainerRegistry_V20150921"


def install(emulator: Emulator) -> None:
    """Stand in front of the emulator's ECR."""
    emulator.services.wrap("ecr", serve)


async def serve(request: Request, ecr: Handler) -> Response:
    """Hand a request on to ECR, if ECR would take it, and check its answer for completeness."""
    if request.action == "PutImage":
        return await _put_image(request, ecr)
    response = await ecr(request)
    if request.action != "DescribeImages" or response.status != 200:
        return response
    wanted = request.json()
    found = json.loads(response.body)["imageDetails"]
    for image in wanted.get("imageIds") or []:
        if not any(_is(image, details) for details in found):
            return error_response(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'{image.get('imageDigest', 'null')}', "
                f"imageTag:'{image.get('imageTag', 'null')}'}} does not exist within {_place(request)}",
            )
    return response


async def _put_image(request: Request, ecr: Handler) -> Response:
    asked = request.json()
    try:
        check("ecr", "PutImage", asked)
        manifest = read_manifest(asked["imageManifest"], asked.get("imageManifestMediaType"))
    except (InvalidRequestError, InvalidManifestError) as error:
        return error_response("InvalidParameterException", str(error))
    listed = await ecr(_call(request, "DescribeImages", {"repositoryName": asked["repositoryName"]}))
    if listed.status != 200:
        return listed
    tags = {image["imageDigest"]: image["imageTags"] for image in json.loads(listed.body)["imageDetails"]}
    refusal = _refusal(request, manifest, tags, immutable=await _is_immutable(request, ecr))
    if refusal:
        return error_response(*refusal)
    return await ecr(_call(request, "PutImage", {**asked, "imageManifestMediaType": manifest.media_type}))


def _refusal(
    request: Request, manifest: Manifest, tags: dict[str, list[str]], *, immutable: bool
) -> tuple[str, str] | None:
    """Return code and message of the error that a manifest meets in a repository with these images."""
    asked = request.json()
    tag = asked.get("imageTag")
    digest = f"sha256:{hashlib.sha256(asked['imageManifest'].encode()).hexdigest()}"
    missing = [image for image in manifest.images if image not in tags]
    if asked.get("imageDigest", digest) != digest:
        return (
            "ImageDigestDoesNotMatchException",
            "The specified image digest does not match the digest that Amazon ECR calculated for the image.",
        )
    if missing:
        digests = ", ".join(missing)
        return (
            "ReferencedImagesNotFoundException",
            f"Images with digests '[{digests}]' required for pushing image into {_place(request)} do not exist",
        )
    if digest in tags and (tag is None or tag in tags[digest]):
        return (
            "ImageAlreadyExistsException",
            f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in {_place(request)}",
        )
    if immutable and any(tag in others for others in tags.values()):
        return (
            "ImageTagAlreadyExistsException",
            (
                f"The image tag '{tag}' already exists in the '{asked['repositoryName']}' repository and cannot be "
                "overwritten because the tag is immutable."
            ),
        )
    return None


async def _is_immutable(request: Request, ecr: Handler) -> bool:
    names = [request.json()["repositoryName"]]
    response = await ecr(_call(request, "DescribeRepositories", {"repositoryNames": names}))
    return bool(json.loads(response.body)["repositories"][0]["imageTagMutability"] == "IMMUTABLE")


def _call(request: Request, operation: str, members: Record) -> Request:
    headers = {**request.headers, "x-amz-target": f"{_TARGET}.{operation}"}
    return dataclasses.replace(request, headers=headers, body=json.dumps(members).encode())


def _place(request: Request) -> str:
    name = request.json()["repositoryName"]
    return f"the repository with name '{name}' in the registry with id '{request.account}'"


def _is(image: Record, details: Record) -> bool:
    by_digest = "imageDigest" not in image or image["imageDigest"] == details["imageDigest"]
    by_tag = "imageTag" not in image or image["imageTag"] in details["imageTags"]
    return by_digest and by_tag

"""ECR's answer about images that are not there.

Symptom: the emulator's DescribeImages leaves out what it does not find instead of raising ImageNotFoundException, from
which the CDK concludes that an image is published already, and never pushes it.
"""

import json
from typing import Any

from infra.local.emulator import Emulator
from infra.local.wire import Handler, Request, Response, error_response


def install(emulator: Emulator) -> None:
    """Make DescribeImages fail on images that do not exist."""
    emulator.services.wrap("ecr", refuse_missing_images)


async def refuse_missing_images(request: Request, ecr: Handler) -> Response:
    """Hand a request on to ECR, and check a description of images for completeness."""
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
                f"imageTag:'{image.get('imageTag', 'null')}'}} does not exist within the repository with name "
                f"'{wanted['repositoryName']}' in the registry with id '{request.account}'",
            )
    return response


def _is(image: dict[str, Any], details: dict[str, Any]) -> bool:
    by_digest = "imageDigest" not in image or image["imageDigest"] == details["imageDigest"]
    by_tag = "imageTag" not in image or image["imageTag"] in details["imageTags"]
    return by_digest and by_tag

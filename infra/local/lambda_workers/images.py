"""Functions of container images: refused in Lambda's words where Lambda would refuse the image, else by name.

Facts: Lambda developer guide, "Create a Lambda function using a container image", section "Requirements": an image of
one architecture, of Docker's schema 2 or of OCI. Lambda's words: aws/aws-cdk#24648, aws/aws-lambda-roadmap#82.
"""

import asyncio
import re

from infra.local.batch.images import EcrImage, ecr_image
from infra.local.emulator import Services
from infra.local.errors import ServiceCallError
from infra.local.image_manifests import LISTS
from infra.local.wire import Handler, Request, Response, error_response

_MAKES_CODE = re.compile(r"/2015-03-31/functions(/[^/]+/code)?/?")
_BATCH_GET_IMAGE = "AmazonEC2ContainerRegistry_V20150921.BatchGetImage"


class ImageFunctions:
    """Stands in front of Lambda, and refuses to make a function of an image, or to give it one.

    Parameters
    ----------
    services
        Of the embedded AWS; ECR is asked for the image.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def handle(self, request: Request, function_service: Handler) -> Response:
        """Answer a request about an image, and hand on all others."""
        image = _image(request)
        if image is None:
            return await function_service(request)
        problem = await asyncio.to_thread(self._problem, image, request)
        return error_response("InvalidParameterValueException", problem)

    def _problem(self, image: str, request: Request) -> str:
        named = ecr_image(image)
        forms = self._forms(named, request) if named else []
        if not forms:
            return f"Source image {image} does not exist. Provide a valid source image."
        if LISTS & set(forms):
            return f"The image manifest, config or layer media type for the source image {image} is not supported."
        return f"The embedded Lambda runs no container images, and so not {image}; it runs packages of Python."

    def _forms(self, image: EcrImage, request: Request) -> list[str]:
        asked = {"repositoryName": image.repository, "imageIds": [image.image_id]}
        with self._services.scope(image.account, request.region):
            try:
                found = self._services.call("ecr", _BATCH_GET_IMAGE, asked)["images"]
            except ServiceCallError:
                return []
        return [pushed["imageManifestMediaType"] for pushed in found]


def _image(request: Request) -> str | None:
    """Return the image of CreateFunction or UpdateFunctionCode, None for other requests."""
    if request.method not in ("POST", "PUT") or not _MAKES_CODE.fullmatch(request.path):
        return None
    try:
        members = request.json()
    except ValueError:
        return None  # Lambda says what is wrong with it
    code = members.get("Code") if request.method == "POST" else members
    image = code.get("ImageUri") if isinstance(code, dict) else None
    return image if isinstance(image, str) else None

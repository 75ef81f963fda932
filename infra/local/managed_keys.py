"""The AWS managed key of S3, which the emulator lacks.

Symptom: a write with ``x-amz-server-side-encryption: aws:kms`` and no key is refused; the CDK publishes its assets
so. AWS takes the managed key ``aws/s3`` (S3 user guide, "Using server-side encryption with AWS KMS keys").
"""

import dataclasses

from infra.local.emulator import Emulator
from infra.local.wire import Handler, Request, Response

ALGORITHM = "x-amz-server-side-encryption"
KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def install(emulator: Emulator) -> None:
    """Name the managed key in writes that ask for one without saying which."""
    emulator.services.wrap("s3", with_managed_key)


async def with_managed_key(request: Request, s3: Handler) -> Response:
    """Hand a request on to S3, with the managed key's ARN where a key is wanted and none is named."""
    if request.headers.get(ALGORITHM) == "aws:kms" and not request.headers.get(KEY):
        arn = f"arn:aws:kms:{request.region}:{request.account}:alias/aws/s3"
        request = dataclasses.replace(request, headers={**request.headers, KEY: arn})
    return await s3(request)

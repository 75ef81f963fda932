"""S3 as clients expect it where the emulator differs.

- ``x-amz-server-side-encryption: aws:kms`` without a key takes the AWS managed key ``aws/s3`` (S3 user guide, "Using
  server-side encryption with AWS KMS keys"). Symptom: the write is refused; the CDK publishes its assets so.
- An object that nothing else encrypts is encrypted with SSE-S3 (S3 user guide, "Setting default server-side encryption
  behavior"), and its type is ``binary/octet-stream`` unless named. Symptom: answers tell of no encryption and of
  another type, and states that call S3 hand that on.
- A range of an object version is that range. Symptom: the whole version is returned.
- A body that cannot be written fails the request.
"""

import dataclasses
import re
from xml.sax.saxutils import escape

from infra.local.emulator import Emulator, Objects
from infra.local.emulator.objects import BodyNotKeptError
from infra.local.wire import Handler, Request, Response

ALGORITHM = "x-amz-server-side-encryption"
KEY = "x-amz-server-side-encryption-aws-kms-key-id"

_BODY_OPTIONS = {"partNumber", "uploadId", "versionId", "x-id"}


def install(emulator: Emulator) -> None:
    """Stand in front of the emulator's S3."""
    emulator.services.wrap("s3", ObjectService(emulator.objects).handle)


class ObjectService:
    """Corrects requests to S3 and its answers."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def handle(self, request: Request, s3: Handler) -> Response:
        """Serve a request to S3."""
        if request.method == "GET" and "range" in request.headers:
            with self._objects.ranged_read():
                return _encrypted(request, _in_range(request, await s3(request)))
        try:
            return _encrypted(request, await s3(_typed(with_managed_key(request))))
        except BodyNotKeptError as error:
            text = f"<Error><Code>InternalError</Code><Message>{escape(str(error))}</Message></Error>"
            return Response(500, {"Content-Type": "application/xml"}, text.encode())


def with_managed_key(request: Request) -> Request:
    """Return the request with the managed key's ARN where a key is wanted and none is named."""
    if request.headers.get(ALGORITHM) != "aws:kms" or request.headers.get(KEY):
        return request
    arn = f"arn:aws:kms:{request.region}:{request.account}:alias/aws/s3"
    return dataclasses.replace(request, headers={**request.headers, KEY: arn})


def _typed(request: Request) -> Request:
    """Return the request with S3's default type where an object is written without one."""
    copied = "x-amz-copy-source" in request.headers
    if request.method != "PUT" or not _is_about_a_body(request) or copied or "content-type" in request.headers:
        return request
    return dataclasses.replace(request, headers={**request.headers, "content-type": "binary/octet-stream"})


def _encrypted(request: Request, response: Response) -> Response:
    """Return the answer with S3's default encryption where an object was read or written and none is told."""
    told = {name.lower() for name in response.headers}
    if response.status >= 300 or not _is_about_a_body(request) or told & {ALGORITHM, f"{ALGORITHM}-customer-algorithm"}:
        return response
    return dataclasses.replace(response, headers={**response.headers, ALGORITHM: "AES256"})


def _is_about_a_body(request: Request) -> bool:
    """Whether an object itself is read or written, not its tags or the like."""
    _, _, key = request.path.lstrip("/").partition("/")
    options = {name for name in request.query if not name.startswith("response-")}
    return bool(key) and request.method in ("GET", "HEAD", "PUT") and options <= _BODY_OPTIONS


def _in_range(request: Request, response: Response) -> Response:
    """Return the wanted part of an answer that holds a whole version."""
    if response.status != 200:
        return response
    size = len(response.body)
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers["range"])
    if found is None or not any(found.groups()):
        return dataclasses.replace(response, body=bytes(response.body[:size]))
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        text = f"<Error><Code>InvalidRange</Code><Message>{request.headers['range']} of {size} bytes</Message></Error>"
        return Response(416, {"Content-Type": "application/xml", "Content-Range": f"bytes */{size}"}, text.encode())
    kept = {n: v for n, v in response.headers.items() if not n.lower().startswith(("content-length", "x-amz-checksum"))}
    headers = {**kept, "Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Response(206, headers, response.body[start:end])

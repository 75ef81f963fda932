"""S3: names of buckets, keys, metadata, tags, parts.

Facts: S3 user guide, "General purpose bucket naming rules", "Naming Amazon S3 objects", "Working with object metadata".
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from infra.local.limits.refusal import Refusal, refuse_beyond, rendered_by_s3
from infra.local.wire import Handler, Request, Response
from tasks.aws_limits import S3_DELETE, S3_KEY, S3_LEAST_PART, S3_METADATA, utf8_bytes

PartSizes = Callable[[str], Mapping[int, int]]
"""Upload id -> sizes of its parts in bytes, by number."""

_META = "x-amz-meta-"
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_LONGEST_TAG_KEY, _LONGEST_TAG_VALUE = 128, 256


class ObjectLimits:
    """Stands before S3, whose requests name no operation: what they do is told by method, path and query."""

    def __init__(self, part_sizes: PartSizes) -> None:
        self._part_sizes = part_sizes

    async def handle(self, request: Request, s3: Handler) -> Response:
        """Refuse a request or hand it on."""
        bucket, _, key = request.path.lstrip("/").partition("/")
        try:
            self._check(request, bucket, key)
        except Refusal as refusal:
            return rendered_by_s3(refusal)
        return await s3(request)

    def _check(self, request: Request, bucket: str, key: str) -> None:
        refuse_beyond(S3_KEY, utf8_bytes(key), "Your key is too long")
        if request.method == "PUT" and not key and request.query.keys() <= {"x-id"}:
            _check_bucket(bucket)
        if request.method in ("PUT", "POST") and key:
            _check_metadata(request.headers)
            _check_tags(request)
        if request.method == "POST" and "delete" in request.query:
            count = len(re.findall(rb"<Object[\s>]", request.body))
            refuse_beyond(
                S3_DELETE,
                count,
                "The XML you provided was not well-formed or did not validate against our published schema",
            )
        if request.method == "POST" and "uploadId" in request.query:
            self._check_parts(request)

    def _check_parts(self, request: Request) -> None:
        """Refuse parts below the least size; the last one may be of any."""
        sizes = self._part_sizes(request.query["uploadId"][0])
        numbers = sorted(int(number) for number in re.findall(rb"<PartNumber>\s*(\d+)", request.body))
        if any(sizes.get(number, S3_LEAST_PART.value) < S3_LEAST_PART.value for number in numbers[:-1]):
            raise Refusal(S3_LEAST_PART.error, "Your proposed upload is smaller than the minimum allowed size")


def _check_bucket(name: str) -> None:
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        raise Refusal("InvalidBucketName", "The specified bucket is not valid.")


def _check_metadata(headers: Mapping[str, str]) -> None:
    size = sum(
        utf8_bytes(name.removeprefix(_META)) + utf8_bytes(value)
        for name, value in headers.items()
        if name.startswith(_META)
    )
    refuse_beyond(S3_METADATA, size, "Your metadata headers exceed the maximum allowed metadata size")


def _check_tags(request: Request) -> None:
    tags = parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True)
    if "tagging" in request.query:
        text = request.body.decode("utf-8", "replace")
        tags += [(key, "") for key in re.findall(r"<Key>(.*?)</Key>", text, re.DOTALL)]
        tags += [("", value) for value in re.findall(r"<Value>(.*?)</Value>", text, re.DOTALL)]
    if any(len(key) > _LONGEST_TAG_KEY for key, _ in tags):
        raise Refusal("InvalidTag", "The TagKey you have provided is invalid")
    if any(len(value) > _LONGEST_TAG_VALUE for _, value in tags):
        raise Refusal("InvalidTag", "The TagValue you have provided is invalid")

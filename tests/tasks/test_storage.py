"""S3: downloads that break, failures by name, and writes that race."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ResponseStreamingError

from tasks.aws import named_failures
from tasks.errors import AccessRefused, InputChanged, InvalidRunRequest, ServiceUnavailable
from tasks.storage import Location, Storage

PLACE = Location("data", "a")


class Breaking:
    """An S3 that breaks each download after a few bytes, and knows ranges."""

    def __init__(self, content, after, answers=99):
        self.content, self.after, self.answers = content, after, answers

    def get_object(self, Bucket, Key, IfMatch, Range=None):  # noqa: N803 - boto3's names
        start = int(Range.removeprefix("bytes=").split("-")[0]) if Range else 0
        self.answers -= 1
        if self.answers < 0:
            return {"Body": _Body(b"", None)}
        return {"Body": _Body(self.content[start:], self.after)}


class _Body:
    def __init__(self, content, after):
        self.content, self.after = content, after

    def read(self, size):
        if self.after is not None and self.after <= 0 and self.content:
            raise ResponseStreamingError(error="reset")
        size = min(size, self.after or 0)
        piece, self.content = self.content[:size], self.content[size:]
        self.after = (self.after or 0) - size
        if not piece and self.content == b"" and self.after == 0:
            return b""
        return piece


def test_a_broken_download_is_taken_up_where_it_broke():
    content = bytes(range(256))

    assert b"".join(Storage(Breaking(content, after=7)).stream(PLACE, "etag")) == content


def test_a_download_that_never_moves_is_given_up():
    with pytest.raises(ServiceUnavailable, match="s3://data/a broke at byte 0"):
        list(Storage(Breaking(b"content", after=0)).stream(PLACE, "etag"))


def test_a_range_is_read_exactly(world):
    world.upload("a", b"0123456789")
    found = world.storage.find(PLACE)

    assert world.storage.read_range(PLACE, found.etag, 2, 5) == b"234"
    with pytest.raises(InputChanged):
        world.storage.read_range(PLACE, "0" * 32, 2, 5)


def test_only_one_of_two_writers_creates_an_object(world):
    place = Location("results", "claim")

    assert world.storage.write_if_absent(place, b"first")
    assert not world.storage.write_if_absent(place, b"second")
    assert world.storage.read(place) == b"first"


def test_a_conditional_write_whose_race_is_undecided_is_for_another_attempt_and_not_taken_for_lost():
    class Racing:
        def put_object(self, **_):
            answer = {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
            raise ClientError(answer, "PutObject")

    with pytest.raises(ServiceUnavailable, match="ConditionalRequestConflict"):
        Storage(Racing()).write_if_absent(PLACE, b"mine")


def test_what_is_absent_is_none_not_an_error(world):
    assert world.storage.read(PLACE) is None
    assert world.storage.find(PLACE) is None
    world.storage.delete(PLACE)


def test_a_listing_goes_beyond_one_page(world, monkeypatch):
    for number in range(5):
        world.upload(f"many/{number}", b"")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")

    pages = world.s3.get_paginator("list_objects_v2").paginate(Bucket="data", Prefix="many/")
    assert len(list(pages)) == 3
    assert len(list(world.storage.list(Location("data", "many/")))) == 5


@pytest.mark.parametrize(
    ("uri", "place"), [("s3://b", ("b", "")), ("s3://b/", ("b", "")), ("s3://b/k/x", ("b", "k/x"))]
)
def test_a_uri_is_taken_apart(uri, place):
    assert Location.parse(uri) == place


def test_what_is_no_uri_is_refused():
    with pytest.raises(InvalidRunRequest, match="s3://bucket/key"):
        Location.parse("/tmp/x")


def client_error(code, status=400):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (client_error("SlowDown", 503), ServiceUnavailable),
        (client_error("ThrottlingException"), ServiceUnavailable),
        (client_error("Whatever", 500), ServiceUnavailable),
        (EndpointConnectionError(endpoint_url="http://x"), ServiceUnavailable),
        (client_error("AccessDenied", 403), AccessRefused),
        (client_error("ExpiredToken"), AccessRefused),
        (NoCredentialsError(), AccessRefused),
        (client_error("NoSuchKey", 404), ClientError),
    ],
)
def test_failures_of_any_call_have_names(error, name):
    with pytest.raises(name), named_failures("do it"):
        raise error

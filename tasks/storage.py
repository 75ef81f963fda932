"""S3, as far as the tasks need it; the one module that calls it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from botocore.exceptions import BotoCoreError, ClientError

from tasks.aws import client, error_code, named_failures
from tasks.errors import InputChanged, InvalidRunRequest, NoInputFound, ServiceUnavailable

#: Bytes taken from a response at once.
PIECE_BYTES = 1 << 20
#: Objects are looked at this many at a time; a look takes some 20 ms, nearly all of it waiting.
LOOKS_AT_ONCE = 16
#: How often a broken download is taken up again without any progress in between.
_RESUMES = 3
_ABSENT = {"NoSuchKey", "NotFound", "404"}
_PRECONDITION_FAILED = {"PreconditionFailed", "412"}


class Location(NamedTuple):
    """A bucket, and a key or prefix in it."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Take `s3://bucket/key` apart.

        Raises
        ------
        InvalidRunRequest
            If it is no such URI.
        """
        match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)
        if match is None:
            raise InvalidRunRequest(f"{uri!r} is not of the form s3://bucket/key")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing; `etag` is without its quotes, `size` in bytes."""

    key: str
    size: int
    etag: str
    modified: datetime


class Storage:
    """Objects in S3.

    Parameters
    ----------
    s3
        A botocore S3 client; default: the process's own.
    """

    def __init__(self, s3: Any = None) -> None:
        self._s3 = s3 if s3 is not None else client("s3")

    def list(self, place: Location, *, after: str = "") -> Iterator[StoredObject]:
        """All objects whose key starts with `place.key` and comes after another, in key order.

        Raises
        ------
        NoInputFound
            If there is no such bucket.
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket, Prefix=place.key, **({"StartAfter": after} if after else {})
        )
        with named_failures(f"list {place}"):
            try:
                for page in pages:
                    for entry in page.get("Contents", ()):
                        yield StoredObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"])
            except ClientError as error:
                if error_code(error) == "NoSuchBucket":
                    raise NoInputFound(f"there is no bucket {place.bucket}") from error
                raise

    def find(self, place: Location) -> StoredObject | None:
        """The object at exactly this key, or None."""
        with named_failures(f"look at {place}"):
            try:
                head = self._s3.head_object(Bucket=place.bucket, Key=place.key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return StoredObject(place.key, head["ContentLength"], head["ETag"].strip('"'), head["LastModified"])

    def read(self, place: Location) -> bytes | None:
        """A whole small object, or None when it is absent."""
        with named_failures(f"read {place}"):
            try:
                body: bytes = self._s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return body

    def read_json(self, place: Location) -> Any:
        """A JSON object, or None when it is absent."""
        body = self.read(place)
        return None if body is None else orjson.loads(body)

    def read_range(self, place: Location, etag: str, start: int, end: int) -> bytes:
        """The bytes `start` up to, not including, `end`.

        Raises
        ------
        InputChanged
            If the object is gone or is no longer the one with this etag.
        """
        return b"".join(self.stream(place, etag, start, end))

    def stream(self, place: Location, etag: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of an object in pieces of at most `PIECE_BYTES`; a download that breaks is taken up again.

        Raises
        ------
        InputChanged
            If the object is gone or is no longer the one with this etag.
        ServiceUnavailable
            If the download breaks again and again.
        """
        position, failures = start, 0
        while end is None or position < end:
            before = position
            try:
                body = self._open(place, etag, position, end)
                while piece := body.read(PIECE_BYTES):
                    position += len(piece)
                    yield piece
                return
            except (BotoCoreError, ServiceUnavailable) as error:
                failures = failures + 1 if position == before else 1
                if failures > _RESUMES:
                    raise ServiceUnavailable(f"the download of {place} broke at byte {position:,}: {error}") from error

    def _open(self, place: Location, etag: str, start: int, end: int | None) -> Any:
        span = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with named_failures(f"read {place}"):
            try:
                return self._s3.get_object(Bucket=place.bucket, Key=place.key, IfMatch=f'"{etag}"', **span)["Body"]
            except ClientError as error:
                code = error_code(error)
                if code in _ABSENT or code == "NoSuchBucket":
                    raise InputChanged(f"{place} is gone since it was planned") from error
                if code in _PRECONDITION_FAILED:
                    raise InputChanged(f"{place} was replaced since it was planned; start a new run") from error
                raise

    def write(self, place: Location, body: bytes) -> str:
        """Write a small object; returns its etag."""
        with named_failures(f"write {place}"):
            answer = self._s3.put_object(Bucket=place.bucket, Key=place.key, Body=body)
        return str(answer["ETag"]).strip('"')

    def write_json(self, place: Location, document: Any) -> str:
        """Write a JSON object; returns its etag."""
        return self.write(place, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def write_if_absent(self, place: Location, body: bytes) -> bool:
        """Write a small object unless the key is taken; says whether it was written. One of several racers wins.

        Raises
        ------
        ServiceUnavailable
            If the winner of a race is not decided yet.
        """
        with named_failures(f"write {place}"):
            try:
                self._s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) in _PRECONDITION_FAILED:
                    return False
                raise
        return True

    def publish(self, place: Location, file: Path) -> str:
        """Upload a local file with a single PUT, so that readers see all of it or nothing; returns its etag."""
        with named_failures(f"write {place}"), file.open("rb") as body:
            answer = self._s3.put_object(Bucket=place.bucket, Key=place.key, Body=body)
        return str(answer["ETag"]).strip('"')

    def delete(self, place: Location) -> None:
        """Remove an object; no error when it is absent."""
        with named_failures(f"remove {place}"):
            self._s3.delete_object(Bucket=place.bucket, Key=place.key)

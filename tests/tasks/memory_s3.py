"""S3 in memory, as far as planning calls it: fast, in one order, and to be interrupted at any call."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from botocore.exceptions import ClientError

Call = Callable[[], None]


class MemoryS3:
    """A client of S3. Listings and conditional writes are consistent, as those of S3 are.

    Attributes
    ----------
    objects
        Bodies by bucket and key.
    interruptions
        What happens just before the call that comes after this many others; each happens once.
    await_turn
        What each call waits for, if anything.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.interruptions: list[tuple[int, Call]] = []
        self.await_turn: Call | None = None

    def called(self) -> None:
        """What comes before every call."""
        if self.await_turn is not None:
            self.await_turn()
        self.interruptions, due = (
            [(after - 1, call) for after, call in self.interruptions if after > 0],
            [call for after, call in self.interruptions if after == 0],
        )
        for call in due:
            call()

    def get_paginator(self, _: str) -> MemoryS3:
        return self

    def paginate(self, Bucket: str, Prefix: str, StartAfter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        self.called()
        keys = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        yield {"Contents": [self._entry(Bucket, key) for key in keys if key > StartAfter]}

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.called()
        if (Bucket, Key) not in self.objects:
            raise _error("404")
        entry = self._entry(Bucket, Key)
        return {"ContentLength": entry["Size"], "ETag": entry["ETag"], "LastModified": entry["LastModified"]}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.called()
        if (Bucket, Key) not in self.objects:
            raise _error("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "") -> dict[str, Any]:  # noqa: N803
        self.called()
        if IfNoneMatch == "*" and (Bucket, Key) in self.objects:
            raise _error("PreconditionFailed")
        self.objects[Bucket, Key] = Body
        return {"ETag": self._entry(Bucket, Key)["ETag"]}

    def _entry(self, bucket: str, key: str) -> dict[str, Any]:
        body = self.objects[bucket, key]
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return {"Key": key, "Size": len(body), "ETag": f'"{etag}"', "LastModified": datetime(2026, 1, 1, tzinfo=UTC)}


def call_by_call(s3: MemoryS3, order: Iterable[int], *functions: Call) -> None:
    """Run functions at the same time, in an order of their calls of S3.

    Parameters
    ----------
    order
        Whose call is next, by the position of the function. When it is exhausted, or the function has ended, the first
        that has not ended goes on.
    """
    turns, going, changed = iter(order), list(range(len(functions))), threading.Condition()
    holder: list[int | None] = [0]
    me = threading.local()

    def hand_over() -> None:
        wanted = next(turns, 0)
        holder[0] = wanted if wanted in going else next(iter(going), None)
        changed.notify_all()

    def await_turn() -> None:
        with changed:
            if holder[0] == me.number:
                hand_over()
            changed.wait_for(lambda: holder[0] == me.number)

    def run(number: int) -> None:
        me.number = number
        try:
            functions[number]()
        finally:
            with changed:
                changed.wait_for(lambda: holder[0] == number)
                going.remove(number)
                hand_over()

    s3.await_turn = await_turn
    with ThreadPoolExecutor(len(functions)) as pool:
        done = [pool.submit(run, number) for number in range(len(functions))]
    s3.await_turn = None
    for each in done:
        each.result()


class OneAfterAnother:
    """A pool of threads that has none: the order of calls is the same every time."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> OneAfterAnother:
        return self

    def __exit__(self, _: type | None, __: BaseException | None, ___: TracebackType | None) -> None:
        pass

    def map(self, function: Callable[..., Any], *over: Any) -> Iterator[Any]:
        return iter([function(*each) for each in zip(*over, strict=True)])


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Call")

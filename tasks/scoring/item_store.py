"""Fast, complete writes of items to one DynamoDB table."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import islice
from typing import Protocol

import orjson
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path

from tasks.aws import client, named_failures, session
from tasks.aws_limits import DYNAMODB_BATCH_WRITE
from tasks.errors import AccessRefused, ItemsRefused, ServiceUnavailable

ITEMS_OF_A_REQUEST = DYNAMODB_BATCH_WRITE.value
#: Requests under way at once: latency overlaps, and a single writer cannot flood the table.
REQUESTS_AT_ONCE = 8
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 20.0
_LATER = (
    "Throughput",
    "Throttling",
    "RequestLimitExceeded",
    "LimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
)
_REFUSED = ("AccessDenied", "UnrecognizedClient", "InvalidSignature", "ExpiredToken", "MissingAuthentication")

_HEADERS = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}

#: Sends the JSON body of a BatchWriteItem request; answers with the HTTP status and body.
Send = Callable[[bytes], tuple[int, bytes]]


class ItemStore(Protocol):
    """Takes items; when it returns, all of them are stored."""

    def put(self, requests: Iterable[bytes]) -> int:
        """Store items, each a `PutRequest` in JSON; says how many."""


class TableWriter:
    """Writes items to a table with BatchWriteItem.

    Parameters
    ----------
    table
        Name of the table.
    send
        How to send a request; default: signed, to DynamoDB.
    attempts
        How often a request is tried in all. The waits before the attempts are random, at most 0.1 s, 0.2 s, 0.4 s …
        20 s.
    """

    def __init__(self, table: str, send: Send | None = None, *, attempts: int = 10) -> None:
        self._table = table
        self._send = send if send is not None else shared_sender()
        self._attempts = attempts

    def put(self, requests: Iterable[bytes]) -> int:
        """Store items, several requests at a time.

        Parameters
        ----------
        requests
            Each `{"PutRequest": …}` in JSON; taken lazily, so that memory stays bounded. No key may be there twice.

        Returns
        -------
        How many items were stored.

        Raises
        ------
        ServiceUnavailable
            If DynamoDB keeps throttling or cannot be reached.
        ItemsRefused, AccessRefused
            If it refuses the items.
        """
        stored = 0
        under_way: set[Future[int]] = set()
        with ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="items") as pool:
            try:
                for batch in _batches(requests):
                    if len(under_way) == 2 * REQUESTS_AT_ONCE:
                        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                        stored += sum(future.result() for future in done)
                    under_way.add(pool.submit(self._store, batch))
                return stored + sum(future.result() for future in under_way)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)  # after a failure, what waits need not be tried

    def _store(self, batch: list[bytes]) -> int:
        name = orjson.dumps(self._table)
        body = b'{"RequestItems":{' + name + b":[" + b",".join(batch) + b"]}}"
        problem = ""
        for attempt in range(self._attempts):
            if attempt:
                # Full jitter: writers that were throttled together do not come back together.
                longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
                time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret depends on it
            try:
                status, answer = self._send(body)
            except urllib3.exceptions.HTTPError as error:
                problem = str(error)
                continue
            if status == 200:
                left = orjson.loads(answer).get("UnprocessedItems")
                if not left:
                    return len(batch)
                body = orjson.dumps({"RequestItems": left})
                problem = f"{len(left[self._table])} of {len(batch)} items are still unprocessed"
                continue
            problem = answer.decode(errors="replace")
            if status < 500 and not any(word in problem for word in _LATER):
                kind = AccessRefused if any(word in problem for word in _REFUSED) else ItemsRefused
                raise kind(f"the table {self._table} does not take items: {problem}")
        raise ServiceUnavailable(f"the table {self._table} did not take items in {self._attempts} attempts: {problem}")


class SignedBatchWrites:
    """Sends BatchWriteItem requests with botocore's signatures, but past its serializer and its connection layer.

    Those two take most of a write's time: 68 s of CPU for a million items, where this takes about 20. botocore still
    finds the endpoint, the region and the credentials as for any client. Proxies are not supported.

    Parameters
    ----------
    read_seconds
        How long a request may wait for its answer.
    """

    def __init__(self, read_seconds: float = 30) -> None:
        meta = client("dynamodb").meta
        self._url, self._region = f"{meta.endpoint_url}/", meta.region_name
        credentials = session().get_credentials()
        if credentials is None:
            raise AccessRefused("there are no AWS credentials for DynamoDB")
        self._credentials = credentials
        authorities = os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True)
        self._http = urllib3.PoolManager(
            maxsize=REQUESTS_AT_ONCE,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=5, read=read_seconds),
            ca_certs=authorities,
        )

    def __call__(self, body: bytes) -> tuple[int, bytes]:
        """Send one request.

        Raises
        ------
        AccessRefused, ServiceUnavailable
            If there are no credentials, or they cannot be renewed.
        urllib3.exceptions.HTTPError
            If there is no answer.
        """
        request = AWSRequest("POST", self._url, data=body, headers=_HEADERS)
        with named_failures("get credentials for DynamoDB"):
            credentials = self._credentials.get_frozen_credentials()
        SigV4Auth(credentials, "dynamodb", self._region).add_auth(request)
        response = self._http.request("POST", self._url, body=body, headers=dict(request.headers))
        return response.status, response.data

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()


@cache
def shared_sender(read_seconds: float = 30) -> SignedBatchWrites:
    """The process's sender: its connections outlive a Lambda invocation."""
    return SignedBatchWrites(read_seconds)


def _batches(requests: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(requests)
    while batch := list(islice(remaining, ITEMS_OF_A_REQUEST)):
        yield batch

"""Custom resources of CloudFormation: read the request, and always answer it.

Sources: CloudFormation user guide, "Custom resource request objects" and "Custom resource response objects". A request
without an answer holds its stack up until it times out, an hour by default.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import urllib3
from botocore.httpsession import get_cert_path

from tasks.errors import ServiceUnavailable

#: An answer has at most 4,096 bytes; this leaves room for the ids and the data even where a character takes four.
_LONGEST_REASON = 500


@dataclass(frozen=True)
class ResourceRequest:
    """What CloudFormation wants; `physical_id` is that of earlier answers, None when the resource is created."""

    kind: Literal["Create", "Update", "Delete"]
    properties: Mapping[str, Any]
    physical_id: str | None

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> ResourceRequest:
        """Read an event."""
        return cls(event["RequestType"], event["ResourceProperties"], event.get("PhysicalResourceId"))


@dataclass(frozen=True)
class ResourceState:
    """The resource after a request: its physical id, which stays the same, and its attributes for `Fn::GetAtt`."""

    physical_id: str
    attributes: Mapping[str, str]


def fulfil(
    event: Mapping[str, Any], work: Callable[[ResourceRequest], ResourceState], *, seconds: float, where: str
) -> Exception | None:
    """Do what CloudFormation wants, and tell it how that went.

    Parameters
    ----------
    seconds
        After this time the request counts as failed: an answer must still be sent.
    where
        Where a person finds out more, for the reason of a failure.

    Returns
    -------
    Why it failed, or None.

    Raises
    ------
    ServiceUnavailable
        If the answer could not be delivered.
    """
    failure: Exception | None = None
    answer: dict[str, Any]
    pool = ThreadPoolExecutor(1, thread_name_prefix="custom-resource")
    try:
        state = pool.submit(lambda: work(ResourceRequest.parse(event))).result(timeout=max(0.0, seconds))
    except Exception as error:  # whatever it is, CloudFormation waits for an answer
        failure = error
        what = (
            f"no end within {seconds:.0f} s" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        )
        reason = what if len(what) <= _LONGEST_REASON else what[: _LONGEST_REASON - 3] + "..."
        # CloudFormation deletes what it failed to create, and wants it named until then.
        named = event.get("PhysicalResourceId") or event["LogicalResourceId"]
        answer = {"Status": "FAILED", "Reason": f"{reason} (see {where})", "PhysicalResourceId": named}
    else:
        answer = {"Status": "SUCCESS", "PhysicalResourceId": state.physical_id, "Data": dict(state.attributes)}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    _send(event["ResponseURL"], answer | {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")})
    return failure


def _send(url: str, answer: Mapping[str, Any]) -> None:
    """PUT the answer to the URL, which was signed for an empty content type."""
    retries = urllib3.Retry(total=3, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504))
    authorities = os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True)
    timeout = urllib3.Timeout(connect=2, read=4)
    with urllib3.PoolManager(ca_certs=authorities, retries=retries, timeout=timeout) as http:
        try:
            response = http.request("PUT", url, body=orjson.dumps(answer), headers={"Content-Type": ""})
        except urllib3.exceptions.HTTPError as error:
            raise ServiceUnavailable(f"CloudFormation did not take the answer: {error}") from error
    if response.status >= 300:
        raise ServiceUnavailable(f"CloudFormation did not take the answer: status {response.status}")

"""Clients of AWS, and their failures under our names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from tasks.errors import AccessRefused, ServiceUnavailable
from tasks.settings import Settings

#: Error codes with which AWS services say "later" ("Error retries", AWS SDKs and Tools reference guide).
_LATER = {
    # Of a conditional write while another write of the key is under way (Amazon S3 API reference, "PutObject").
    "ConditionalRequestConflict",
    "InternalError",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyUpdates",
    "TransactionInProgressException",
}
_REFUSED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


@cache
def session() -> botocore.session.Session:
    """The botocore session of this process (boto3 itself would cost 90 ms more of every cold start)."""
    return botocore.session.get_session()


@cache
def client(service: str, *, attempts: int = 5, connect_seconds: int = 5, read_seconds: int = 30) -> Any:
    """The process's client of an AWS service, in the region of the settings.

    Parameters
    ----------
    attempts
        How often a call is tried in all, with botocore's waits in between (up to 1 s before the second attempt, 2 s
        before the third …).
    connect_seconds, read_seconds
        How long an attempt may take to connect, and to wait for the next bytes of the answer.
    """
    return session().create_client(
        service,
        region_name=Settings.from_environment().region,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            max_pool_connections=32,
        ),
    )


def error_code(error: ClientError) -> str:
    """The error code that the service gave, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def named_failures(doing: str) -> Iterator[None]:
    """Give failures that concern any call their own names.

    Parameters
    ----------
    doing
        What was attempted, for the message: "read s3://bucket/key".

    Raises
    ------
    ServiceUnavailable
        For throttling, timeouts, connection failures and the service's own errors.
    AccessRefused
        For missing permissions and bad credentials.
    botocore.exceptions.ClientError
        Everything else, unchanged.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _LATER or status >= 500:
            raise ServiceUnavailable(f"could not {doing}: {error}") from error
        if code in _REFUSED or (status == 403 and code in ("403", "Forbidden")):
            raise AccessRefused(f"not allowed to {doing}: {error}") from error
        raise
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise AccessRefused(f"not allowed to {doing}: {error}") from error
    except (HTTPClientError, BotoCoreError) as error:
        raise ServiceUnavailable(f"could not {doing}: {error}") from error

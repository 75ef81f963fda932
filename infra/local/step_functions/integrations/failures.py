"""Refusals of services, worded as Step Functions words them.

Two generations: AWS SDK integrations name errors as the SDK for Java 2.x does (``S3.NoSuchKeyException``), optimized
integrations as the SDK for Java 1.x did (``DynamoDB.AmazonDynamoDBException``). Recorded answers of AWS show both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.step_functions.integrations import names
from infra.local.step_functions.integrations.calls import CallFailed, Unreachable
from workflows.interpreter.errors import StatesError


@dataclass(frozen=True, slots=True)
class Wording:
    """How an optimized integration speaks of its service.

    Attributes
    ----------
    prefix
        Of error names.
    service
        In causes.
    fallback
        Error name for codes that the service's model does not hold.
    """

    prefix: str
    service: str
    fallback: str


def of_sdk(failure: CallFailed) -> StatesError:
    """Word a refusal for an AWS SDK integration."""
    service = names.service_class(failure.client.meta.service_model.service_id)
    name = _exception(_modelled(failure)) or f"{service}Exception"
    ids = f"Request ID: {failure.request_id}"
    if service == "S3":
        ids += f", Extended Request ID: {failure.extended_request_id}"
    cause = f"{failure.message} (Service: {service}, Status Code: {failure.status}, {ids})"
    return StatesError(f"{service}.{name}", cause)


def of_optimized(failure: CallFailed, wording: Wording) -> StatesError:
    """Word a refusal for an optimized integration."""
    shape = _modelled(failure)
    code = failure.code if shape is None else shape.metadata.get("error", {}).get("code", failure.code)
    cause = (
        f"{failure.message} (Service: {wording.service}; Status Code: {failure.status}; Error Code: {code}; "
        f"Request ID: {failure.request_id}; Proxy: null)"
    )
    return StatesError(f"{wording.prefix}.{_exception(shape) or wording.fallback}", cause)


def of_client(failure: Unreachable, prefix: str) -> StatesError:
    """Word a request that could not be made."""
    return StatesError(f"{prefix}.SdkClientException", f"Unable to execute HTTP request: {failure}")


def _modelled(failure: CallFailed) -> Any:
    """Give botocore's shape of the error, if the service's model holds one."""
    for shape in failure.client.meta.service_model.error_shapes:
        if {failure.code, failure.shape_name} & {shape.name, shape.metadata.get("error", {}).get("code")}:
            return shape
    return None


def _exception(shape: Any) -> str | None:
    return None if shape is None else names.exception_class(shape.name)

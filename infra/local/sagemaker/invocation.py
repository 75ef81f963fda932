"""SageMaker's runtime: InvokeEndpoint, from the request to the variant's model server and back.

Facts: Amazon SageMaker runtime API reference, "InvokeEndpoint": a model has 60 seconds, a body 6 MB; the container
receives no header but those of the operation; what it answers with another status than 2xx is a ``ModelError``.
"""

import asyncio
import time
from typing import Any

from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.authorization import invoked_endpoint
from infra.local.sagemaker.connections import Answer
from infra.local.sagemaker.endpoint import IN_SERVICE, SYSTEM_UPDATING, UPDATING, Endpoint, Variant
from infra.local.sagemaker.endpoints import Endpoints
from infra.local.sagemaker.errors import ApiError, InstanceLostError
from infra.local.sagemaker.logs import LOG_GROUP
from infra.local.sagemaker.metrics import Metrics
from infra.local.service_model import InvalidRequestError, check, service
from infra.local.wire import Request, Response

SECONDS = 60.0

_SERVICE = "sagemaker-runtime"
_OPERATION = "InvokeEndpoint"
_NOT_EMULATED = (
    "EnableExplanations",
    "InferenceComponentName",
    "PrefixAwareId",
    "SessionId",
    "TargetContainerHostname",
    "TargetModel",
)
_CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
_MOST_ATTEMPTS = 3


class Invoker:
    """Sends requests to model servers.

    Parameters
    ----------
    metrics
        Receives what was measured.
    seconds
        That a model has to answer.
    """

    def __init__(self, metrics: Metrics, seconds: float = SECONDS) -> None:
        self._metrics = metrics
        self._seconds = seconds

    async def invoke(self, request: Request, endpoints: Endpoints, place: Place) -> Response:
        """Answer a call of InvokeEndpoint; runs on the event loop and never blocks it.

        Raises
        ------
        ApiError
            ``ValidationError``, ``ServiceUnavailable`` or ``ModelError``.
        """
        began = time.perf_counter()
        members = _members(request)
        endpoint = await self._endpoint(members["EndpointName"], endpoints, place)
        variant = _variant(endpoint, members, place)
        # What concerns the model alone, in the order in which SageMaker's container contract names it.
        headers = [
            (header, members[member])
            for member, header in (
                ("ContentType", "Content-Type"),
                ("Accept", "Accept"),
                ("CustomAttributes", _CUSTOM_ATTRIBUTES),
                ("InferenceId", _INFERENCE_ID),
            )
            if member in members
        ]
        sent = time.perf_counter()
        answer: Answer | None = None
        try:
            answer = await self._send(endpoint, variant, headers, members["Body"], place)
        finally:
            model = time.perf_counter() - sent
            self._metrics.note(
                place,
                endpoint.name,
                variant.name,
                status=answer.status if answer else 0,
                model=model,
                overhead=time.perf_counter() - began - model,
                instances=len(variant.serving),
            )
        if not 200 <= answer.status < 300:
            raise _model_error(endpoint, place, answer.status, answer.body.decode("utf-8", errors="replace"))
        return _response(answer, variant)

    async def _endpoint(self, name: str, endpoints: Endpoints, place: Place) -> Endpoint:
        not_found = ApiError("ValidationError", f"Endpoint {name} of account {place.account} not found.")
        if name not in endpoints.by_name:
            raise not_found
        endpoint = endpoints.by_name[name]
        if endpoint.asleep:
            endpoint = await asyncio.to_thread(endpoints.get, name)
        if endpoint.status == SYSTEM_UPDATING:
            await asyncio.to_thread(endpoint.settled.wait, self._seconds)
        if endpoint.status not in (IN_SERVICE, UPDATING, SYSTEM_UPDATING):
            raise not_found
        return endpoint

    async def _send(
        self, endpoint: Endpoint, variant: Variant, headers: list[tuple[str, str]], body: bytes, place: Place
    ) -> Answer:
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            # The fleet may have been replaced since: the variant of this name is asked, whatever its fleet.
            instance = endpoint.variants.get(variant.name, variant).pick()
            if instance is None:
                break
            instance.outstanding += 1
            try:
                async with asyncio.timeout(self._seconds):
                    return await instance.connections.post("/invocations", headers, body)
            except TimeoutError:
                raise _model_error(
                    endpoint,
                    place,
                    0,
                    "Your invocation timed out while waiting for a response from container primary. Review the latency "
                    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
                ) from None
            except InstanceLostError as error:
                if error.in_work or attempt == _MOST_ATTEMPTS:
                    message = f"Amazon SageMaker could not get a response from the primary container. ({error})"
                    raise _model_error(endpoint, place, 500, message) from error
                await asyncio.sleep(0.05 * attempt)
            finally:
                instance.outstanding -= 1
        raise ApiError(
            "ServiceUnavailable",
            f"No instance of variant {variant.name} of endpoint {endpoint.name} is in service. Try your call again.",
            503,
        )


def _members(request: Request) -> dict[str, Any]:
    """Return the operation's members from path, headers and body, checked."""
    if request.path.rpartition("/")[2] != "invocations":
        raise ApiError("ValidationError", f"The embedded SageMaker does not emulate {request.method} {request.path}.")
    members: dict[str, Any] = {"EndpointName": invoked_endpoint(request), "Body": request.body}
    shape = service(_SERVICE).operation_model(_OPERATION).input_shape
    for member, member_shape in shape.members.items() if shape else ():
        header = member_shape.serialization.get("name", "").lower()
        if member_shape.serialization.get("location") == "header" and header in request.headers:
            members[member] = request.headers[header]
    try:
        check(_SERVICE, _OPERATION, members)
    except InvalidRequestError as error:
        raise ApiError("ValidationError", str(error)) from error
    for member in _NOT_EMULATED:
        if member in members:
            raise ApiError("ValidationError", f"The embedded SageMaker does not emulate {member}.")
    return members


def _variant(endpoint: Endpoint, members: dict[str, Any], place: Place) -> Variant:
    name = members.get("TargetVariant")
    if name is None:
        return endpoint.next_variant()
    if name not in endpoint.variants:
        raise ApiError(
            "ValidationError", f"Variant {name} not found for endpoint {endpoint.name} of account {place.account}."
        )
    return endpoint.variants[name]


def _response(answer: Answer, variant: Variant) -> Response:
    headers = {"x-Amzn-Invoked-Production-Variant": variant.name}
    for name in ("Content-Type", _CUSTOM_ATTRIBUTES):
        if name.lower() in answer.headers:
            headers[name] = answer.headers[name.lower()]
    return Response(200, headers, answer.body)


def _model_error(endpoint: Endpoint, place: Place, status: int, message: str) -> ApiError:
    who = "client" if 400 <= status < 500 else "server"
    group = f"{LOG_GROUP}/{endpoint.name}"
    return ApiError(
        "ModelError",
        f'Received {who} error ({status}) from primary with message "{message}". See the log group {group} in account '
        f"{place.account} for more information.",
        424,
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=f"arn:aws:logs:{place.region}:{place.account}:log-group:{group}",
    )

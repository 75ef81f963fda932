"""SageMaker's API: from requests to what they do and back."""

import asyncio
import json
import threading
from typing import Any

from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.artifacts import Artifacts
from infra.local.sagemaker.errors import ApiError, NotEmulatedError, ValidationError
from infra.local.sagemaker.fleet import Limits
from infra.local.sagemaker.invocation import Invoker
from infra.local.sagemaker.logs import EndpointLogs
from infra.local.sagemaker.metrics import Metrics
from infra.local.sagemaker.operations import OPERATIONS
from infra.local.sagemaker.region import Region
from infra.local.service_model import InvalidRequestError, check
from infra.local.wire import Request, Response, error_response, json_response

Record = dict[str, Any]

_SERVICE = "sagemaker"


class SageMakerService:
    """All of SageMaker that is emulated: every account and region on its own.

    Parameters
    ----------
    artifacts
        Fetches what models name.
    logs
        Take what instances write.
    metrics
        Receives what invocations measure.
    limits
        Times that are AWS's by default.

    Attributes
    ----------
    metrics
        What was measured.
    """

    def __init__(
        self, artifacts: Artifacts, logs: EndpointLogs, metrics: Metrics, limits: Limits | None = None
    ) -> None:
        self._artifacts = artifacts
        self._logs = logs
        self.metrics = metrics
        self._limits = limits or Limits()
        self._invoker = Invoker(metrics)
        self._lock = threading.Lock()
        self._regions: dict[Place, Region] = {}

    async def handle(self, request: Request) -> Response:
        """Answer a request of the control plane, or of the runtime, which names no target."""
        place = Place(request.account, request.region)
        try:
            if not request.action:
                return await self._invoker.invoke(request, self.region(place).endpoints, place)
            answer = await asyncio.to_thread(self.call, request.action, _members(request), place)
        except ApiError as error:
            return _error(error)
        return json_response(answer, content_type="application/x-amz-json-1.1")

    def call(self, operation: str, members: Record, place: Place) -> Record:
        """Do what an operation of the control plane does. Must not be called on the event loop.

        Raises
        ------
        ApiError
            With the code and words of SageMaker.
        """
        if operation not in OPERATIONS:
            raise NotEmulatedError(operation)
        try:
            check(_SERVICE, operation, members)
        except InvalidRequestError as error:
            raise ValidationError(str(error)) from error
        answer = OPERATIONS[operation](self.region(place), members)
        copy: Record = json.loads(json.dumps(answer))
        return copy

    def region(self, place: Place) -> Region:
        """Return SageMaker in one account and region."""
        with self._lock:
            if place not in self._regions:
                self._regions[place] = Region(place, self._artifacts, self._logs, self._limits)
            return self._regions[place]

    def stop(self) -> None:
        """Kill every instance; the embedded AWS ends."""
        for region in list(self._regions.values()):
            region.endpoints.stop()
        self.metrics.stop()

    def save(self) -> Any:
        """Return what survives a restart, as JSON."""
        return [region.saved() for region in list(self._regions.values())]

    def load(self, saved: Any) -> None:
        """Take over what `save` returned in a former life."""
        for record in saved:
            self.region(Place(record["account"], record["region"])).load(record)

    def reset(self) -> None:
        """Forget everything and kill what runs."""
        with self._lock:
            regions, self._regions = list(self._regions.values()), {}
        for region in regions:
            region.endpoints.stop()


def _members(request: Request) -> Record:
    try:
        return request.json()
    except ValueError as error:
        raise ApiError("SerializationException", str(error)) from error


def _error(error: ApiError) -> Response:
    if not error.members:
        return error_response(error.code, str(error), error.status)
    answer = json_response({"Message": str(error), **error.members}, error.status, content_type="application/json")
    answer.headers["x-amzn-errortype"] = error.code
    return answer

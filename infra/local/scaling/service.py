"""Application Auto Scaling's API: from requests to what they do and back."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from infra.local.scaling.errors import ApiError, NotEmulatedError, ValidationError
from infra.local.scaling.scaler import Pace, Scaler
from infra.local.scaling.targets import Place, Record, Targets, check_dimension
from infra.local.scaling.variants import Variants
from infra.local.service_model import InvalidRequestError, check
from infra.local.wire import Request, Response, error_response, json_response

SERVICE = "application-autoscaling"
LOOK_SECONDS = 1.0

_DEFAULT_PAGE = 50

_logger = logging.getLogger(__name__)


class ScalingService:
    """Application Auto Scaling: every account and region on its own.

    Parameters
    ----------
    variants
        What can be scaled.
    pace
        How time passes.
    """

    def __init__(self, variants: Variants, pace: Pace | None = None) -> None:
        self._variants = variants
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._scalers: dict[Place, Scaler] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._operations: dict[str, Callable[[Targets, Record], Record]] = {
            "DeleteScalingPolicy": Targets.delete_policy,
            "DeregisterScalableTarget": Targets.deregister,
            "DescribeScalableTargets": lambda targets, members: _page(
                "ScalableTargets", targets.describe_targets(members), members
            ),
            "DescribeScalingPolicies": lambda targets, members: _page(
                "ScalingPolicies", targets.describe_policies(members), members
            ),
            "ListTagsForResource": lambda targets, members: {"Tags": targets.tags_of(members["ResourceARN"])},
            "PutScalingPolicy": Targets.put_policy,
            "RegisterScalableTarget": Targets.register,
            "TagResource": _tag,
            "UntagResource": _untag,
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request."""
        try:
            members = request.json()
        except ValueError as error:
            return error_response("SerializationException", str(error))
        try:
            # On a thread: whether a variant exists is asked of another service.
            answer = await asyncio.to_thread(self.call, request.action, members, Place(request.account, request.region))
        except ApiError as error:
            return error_response(error.code, str(error))
        return json_response(answer, content_type="application/x-amz-json-1.1")

    def call(self, operation: str, members: Record, place: Place) -> Record:
        """Do what an operation does. Must not be called on the event loop.

        Raises
        ------
        ApiError
            With the code and words of Application Auto Scaling.
        """
        if operation not in {*self._operations, "DescribeScalingActivities"}:
            raise NotEmulatedError(operation)
        try:
            check(SERVICE, operation, members)
        except InvalidRequestError as error:
            raise ValidationError(str(error)) from error
        with self._lock:
            scaler = self._scaler(place)
            if operation == "DescribeScalingActivities":
                answer = _activities(scaler, members)
            else:
                answer = self._operations[operation](scaler.targets, members)
            copy: Record = json.loads(json.dumps(answer))
        return copy

    def start(self) -> None:
        """Begin to scale, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="scaling", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Scale nothing any more."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def look(self) -> None:
        """Look at all that is registered, and act on it."""
        with self._lock:
            for scaler in self._scalers.values():
                scaler.look()

    def save(self) -> Any:
        """Return what survives a restart, as JSON."""
        with self._lock:
            saved = [
                {"account": place.account, "region": place.region, **scaler.saved()}
                for place, scaler in self._scalers.items()
            ]
            return json.loads(json.dumps(saved))

    def load(self, saved: Any) -> None:
        """Take over what `save` returned in a former life."""
        with self._lock:
            for record in saved:
                self._scaler(Place(record["account"], record["region"])).load(record)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._scalers.clear()

    def _scaler(self, place: Place) -> Scaler:
        if place not in self._scalers:
            self._scalers[place] = Scaler(place, self._variants, self._pace)
        return self._scalers[place]

    def _run(self) -> None:
        while not self._stopped.wait(min(LOOK_SECONDS, self._pace.period)):
            try:
                self.look()
            except Exception:
                _logger.exception("a look at what is to be scaled failed")


def _activities(scaler: Scaler, members: Record) -> Record:
    check_dimension(members)
    if members.get("IncludeNotScaledActivities"):
        raise NotEmulatedError("IncludeNotScaledActivities")
    return _page("ScalingActivities", scaler.activities.describe(members), members)


def _page(member: str, found: list[Record], request: Record) -> Record:
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ApiError("InvalidNextTokenException", f"Invalid next token: {token}")
    start, size = int(token), request.get("MaxResults", _DEFAULT_PAGE)
    following = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return {member: found[start : start + size], **following}


def _tag(targets: Targets, members: Record) -> Record:
    targets.tags_of(members["ResourceARN"]).update(members["Tags"])
    return {}


def _untag(targets: Targets, members: Record) -> Record:
    tags = targets.tags_of(members["ResourceARN"])
    for key in members["TagKeys"]:
        tags.pop(key, None)
    return {}

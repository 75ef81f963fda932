"""Application Auto Scaling's API: from requests to what they do and back."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

from infra.local.scaling.errors import ApiError, NotEmulatedError, ValidationError
from infra.local.scaling.targets import Place, Record, Targets
from infra.local.service_model import InvalidRequestError, check
from infra.local.wire import Request, Response, error_response, json_response

SERVICE = "application-autoscaling"
HasVariant = Callable[[Place, str, str], bool]
"""Tells whether an endpoint has a variant: place, endpoint's name, variant's name. May block."""

_DEFAULT_PAGE = 50


class ScalingService:
    """Application Auto Scaling: every account and region on its own.

    Parameters
    ----------
    has_variant
        Asks SageMaker.
    """

    def __init__(self, has_variant: HasVariant) -> None:
        self._has_variant = has_variant
        self._lock = threading.Lock()
        self._places: dict[Place, Targets] = {}
        self._operations: dict[str, Callable[[Targets, Record], Record]] = {
            "DeleteScalingPolicy": Targets.delete_policy,
            "DeregisterScalableTarget": Targets.deregister,
            "DescribeScalableTargets": lambda targets, members: _page(
                "ScalableTargets", targets.describe_targets(members), members
            ),
            "DescribeScalingActivities": lambda targets, members: _page(
                "ScalingActivities", targets.describe_targets(members)[:0], members
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
        if operation not in self._operations:
            raise NotEmulatedError(operation)
        try:
            check(SERVICE, operation, members)
        except InvalidRequestError as error:
            raise ValidationError(str(error)) from error
        with self._lock:
            answer: Record = json.loads(json.dumps(self._operations[operation](self._targets(place), members)))
        return answer

    def save(self) -> Any:
        """Return what survives a restart, as JSON."""
        with self._lock:
            return [
                {
                    "account": place.account,
                    "region": place.region,
                    "targets": targets.targets,
                    "policies": list(targets.policies.values()),
                    "tags": targets.tags,
                }
                for place, targets in self._places.items()
            ]

    def load(self, saved: Any) -> None:
        """Take over what `save` returned in a former life."""
        for record in saved:
            targets = self._targets(Place(record["account"], record["region"]))
            targets.targets, targets.tags = record["targets"], record["tags"]
            targets.policies = {(policy["ResourceId"], policy["PolicyName"]): policy for policy in record["policies"]}

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._places.clear()

    def _targets(self, place: Place) -> Targets:
        if place not in self._places:
            self._places[place] = Targets(place, lambda endpoint, variant: self._has_variant(place, endpoint, variant))
        return self._places[place]


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

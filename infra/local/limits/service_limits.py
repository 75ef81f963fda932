"""Stands before a service of the emulator and refuses what AWS would: by AWS's own model, then by its other rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.local.limits.calls import Call, read
from infra.local.limits.refusal import Refusal, rendered
from infra.local.service_model import InvalidRequestError, check_constraints
from infra.local.wire import Handler, Request, Response

Rule = Callable[[Call], None]
"""Raises `Refusal` if AWS refuses the call for a reason that the model does not state."""


@dataclass(frozen=True)
class ServiceLimits:
    """What a service refuses.

    Attributes
    ----------
    service
        botocore's name of it.
    rules
        By operation; they go before the model, whose wording is the most general.
    code
        With which the service says that a member breaks a constraint of its model; None if it does not check them.
    """

    service: str
    rules: Mapping[str, Rule] = field(default_factory=dict)
    code: str | None = "ValidationException"

    async def handle(self, request: Request, hand_on: Handler) -> Response:
        """Refuse a request or hand it on."""
        call = read(self.service, request)
        if call is not None:
            try:
                self.check(call)
            except Refusal as refusal:
                return rendered(refusal, request)
        return await hand_on(request)

    def check(self, call: Call) -> None:
        """Hold a call against rules and model.

        Raises
        ------
        Refusal
            As the service would answer.
        """
        rule = self.rules.get(call.operation)
        if rule is not None:
            rule(call)
        if self.code is not None:
            try:
                check_constraints(call.service, call.operation, dict(call.members))
            except InvalidRequestError as error:
                raise Refusal(self.code, str(error)) from error

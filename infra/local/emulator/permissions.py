"""What a caller may do: on which resources a call is authorized, and over which transport it came."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.wire import Request

NEEDS: Needs = {
    "core.iam_actions": ("access_denied_response", "extract_resource_arn", "identity_denial_message"),
    "core.iam_evaluator": ("EvalResult", "enforce", "pin_request_origin"),
    "services.s3": ("_bucket_owner_account",),
}


@dataclass(frozen=True)
class Check:
    """One thing that the caller's policies must allow.

    Attributes
    ----------
    resource
        ARN, or ``*`` where the action has no resource.
    action
        IAM action where it is another than that of the call, e.g. ``iam:PassRole``.
    keys
        Condition keys of the service, e.g. ``states:StateMachineQualifier``, with their values.
    """

    resource: str
    action: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


class Permissions:
    """The emulator's check of policies, mended where local use needs it."""

    def __init__(self) -> None:
        self._evaluator = module("core.iam_evaluator")
        self._derive: dict[str, Callable[[Request], Sequence[Check]]] = {}
        self._checks: ContextVar[tuple[Check, ...]] = ContextVar("checks", default=())
        self._refused: ContextVar[Check | None] = ContextVar("refused", default=None)
        self._authorize_on_named_resources()
        self._name_what_was_refused()
        self._count_loopback_as_secure()
        self._let_s3_name_missing_buckets()

    def name_resources(self, service: str, derive: Callable[[Request], list[str]]) -> None:
        """Authorize the calls of `service` on the ARNs that `derive` returns, on every one of them.

        An empty list leaves the emulator's own idea of the call's resource.
        """
        self.name_checks(service, lambda request: [Check(arn) for arn in derive(request)])

    def name_checks(self, service: str, derive: Callable[[Request], Sequence[Check]]) -> None:
        """Allow the calls of `service` whose every check passes; none leaves it to the emulator's own idea."""
        self._derive[service] = derive

    def denial(self, access_key: str, action: str, about: Check | str, region: str) -> str | None:
        """Say why a principal may not do something, or ``None`` when it may.

        For in-process calls on behalf of a role, which do not pass the front door's check.

        Parameters
        ----------
        access_key
            From `assume`.
        action
            IAM action, e.g. ``lambda:InvokeFunction``.
        about
            ARN of the resource, or what else is checked.
        """
        check = about if isinstance(about, Check) else Check(about)
        service, resource_arn = action.partition(":")[0], check.resource
        # The request in whose course this is asked may be one with checks of its own.
        outer = self._checks.set(())
        try:
            found = self._evaluator.enforce(
                access_key, action, service, region, resource_arn, service_context=dict(check.keys)
            )
        finally:
            self._checks.reset(outer)
        if found is None:
            return None
        message = getattr(found, "message", "")
        return message or (
            f"User: {found.principal_arn} is not authorized to perform: {action} on resource: {resource_arn} "
            "because no identity-based policy allows the action"
        )

    def _authorize_on_named_resources(self) -> None:
        extract_resource_arn: Any = module("core.iam_actions").extract_resource_arn
        enforce = self._evaluator.enforce

        def extract(
            service: str,
            method: str,
            path: str,
            headers: dict[str, str],
            body: bytes,
            query: dict[str, list[str]],
            region: str,
            account: str,
        ) -> str:
            derive = self._derive.get(service)
            request = Request(method, path, headers, body, query, account, region)
            checks = tuple(derive(request)) if derive else ()
            self._checks.set(checks)
            self._refused.set(None)
            if checks:
                return checks[0].resource
            arn: str = extract_resource_arn(service, method, path, headers, body, query, region, account)
            return arn

        def enforce_each(access_key: str, action: str, *call: Any, **details: Any) -> Any:
            checks = self._checks.get()
            if not checks:
                return enforce(access_key, action, *call, **details)
            for check in checks:
                keys = {**(details.get("service_context") or {}), **check.keys}
                asked = {**details, "resource_arn": check.resource, "service_context": keys}
                denied = enforce(access_key, check.action or action, *call, **asked)
                if denied:
                    self._refused.set(check)
                    return denied
            return None

        rebind(extract_resource_arn, extract)
        rebind(enforce, enforce_each)

    def _name_what_was_refused(self) -> None:
        # Symptom: a refusal names neither the resource nor, where a call needs several permissions, the one that lacks.
        actions = module("core.iam_actions")
        respond, words = actions.access_denied_response, actions.identity_denial_message

        def respond_with_resource(service: str, action: str, principal: str, *call: Any, **details: Any) -> Any:
            check = self._refused.get()
            if check is not None and not details.get("error_code"):
                action, deny = check.action or action, details.get("explicit_deny", False)
                details = {**details, "message": words(action, principal, check.resource, deny)}
            return respond(service, action, principal, *call, **details)

        rebind(respond, respond_with_resource)

    def _count_loopback_as_secure(self) -> None:
        # Symptom: buckets and topics that demand TLS (aws:SecureTransport) refuse everyone, also the CDK when
        # it publishes assets. There is no TLS on 127.0.0.1, and nobody between client and server.
        pin_request_origin = self._evaluator.pin_request_origin
        rebind(pin_request_origin, lambda source_ip, _secure: pin_request_origin(source_ip, True))

    def _let_s3_name_missing_buckets(self) -> None:
        # Symptom: a role that lists a bucket which does not exist is told AccessDenied. S3 finds the bucket before it
        # asks what the caller may do with it, and says NoSuchBucket.
        enforce = self._evaluator.enforce
        owner_of = module("services.s3")._bucket_owner_account

        def enforce_on_existing_buckets(access_key: str, action: str, service: str, *rest: Any, **details: Any) -> Any:
            denied = enforce(access_key, action, service, *rest, **details)
            bucket = str(details.get("resource_arn", "")).removeprefix("arn:aws:s3:::").partition("/")[0]
            asked_for_one = service == "s3" and action != "s3:CreateBucket" and bucket not in ("", "*")
            if asked_for_one and isinstance(denied, self._evaluator.EvalResult) and owner_of(bucket) is None:
                return None
            return denied

        rebind(enforce, enforce_on_existing_buckets)

"""What a caller may do: on which resources a call is authorized, and over which transport it came."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.wire import Request

NEEDS: Needs = {
    "core.iam_actions": ("extract_resource_arn",),
    "core.iam_evaluator": ("EvalResult", "enforce", "pin_request_origin"),
    "services.s3": ("_bucket_owner_account",),
}


class Permissions:
    """The emulator's check of policies, mended where local use needs it."""

    def __init__(self) -> None:
        self._evaluator = module("core.iam_evaluator")
        self._resources: dict[str, Callable[[Request], list[str]]] = {}
        self._further: ContextVar[tuple[str, ...]] = ContextVar("further_resources", default=())
        self._authorize_on_named_resources()
        self._count_loopback_as_secure()
        self._let_s3_name_missing_buckets()

    def name_resources(self, service: str, derive: Callable[[Request], list[str]]) -> None:
        """Authorize the calls of `service` on the ARNs that `derive` returns, on every one of them.

        An empty list leaves the emulator's own idea of the call's resource.
        """
        self._resources[service] = derive

    def denial(self, access_key: str, action: str, resource_arn: str, region: str) -> str | None:
        """Say why a principal may not do something, or ``None`` when it may.

        For in-process calls on behalf of a role, which do not pass the front door's check.

        Parameters
        ----------
        access_key
            From `assume`.
        action
            IAM action, e.g. ``lambda:InvokeFunction``.
        """
        # The request in whose course this is asked may be one about several resources.
        outer = self._further.set(())
        try:
            found = self._evaluator.enforce(access_key, action, action.partition(":")[0], region, resource_arn)
        finally:
            self._further.reset(outer)
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
            derive = self._resources.get(service)
            request = Request(method, path, headers, body, query, account, region)
            arns = derive(request) if derive else []
            self._further.set(tuple(arns[1:]))
            if arns:
                return arns[0]
            arn: str = extract_resource_arn(service, method, path, headers, body, query, region, account)
            return arn

        def enforce_on_all(*call: Any, **details: Any) -> Any:
            denied = enforce(*call, **details)
            for arn in self._further.get():
                denied = denied or enforce(*call, **{**details, "resource_arn": arn})
            return denied

        rebind(extract_resource_arn, extract)
        rebind(enforce, enforce_on_all)

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

"""Who may call: dummy keys act as the account's root, services act as the roles that trust them.

A key counts unverified in the ``Authorization`` header alone, which a web page cannot set unless the service grants it
in a preflight. Wherever else a request can carry a key (a query string, a form's fields), its signature must verify.
"""

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.errors import RoleMissingError, RoleNotAssumableError

NEEDS: Needs = {
    "core.iam_evaluator": (
        "AuthError",
        "CredentialResolutionError",
        "_anonymous",
        "_signed_request",
        "authenticate",
        "check_credentials",
        "enforce",
        "is_root_access_key",
        "pin_signed_request",
        "resolve_credential",
    ),
    "core.iam_actions": ("anonymous_denial_message",),
    "core.router": ("extract_access_key_id",),
    "services.iam": ("_access_keys", "_roles"),
    "services.sts": ("_sessions", "register_session"),
}

SESSION_SECONDS = 12 * 3600

SIGNED = ("AWS4-", "AWS ")
"""How ``Authorization`` headers of AWS's signatures begin; others say nothing about who calls."""

NEVER_PUBLIC = frozenset({"s3:CreateBucket", "s3:ListAllMyBuckets"})
"""Actions that no bucket's owner can grant to everyone (S3 API reference, "CreateBucket", "ListBuckets")."""

UNKNOWN_KEY = "The security token included in the request is invalid."

_in_header: ContextVar[bool] = ContextVar("key_in_header", default=True)  # calls in this process carry none


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of a role, for boto3.

    Attributes
    ----------
    expires
        Epoch seconds.
    """

    access_key: str
    secret_key: str
    session_token: str
    expires: float

    def environment(self) -> dict[str, str]:
        """Return the variables from which AWS's SDKs read credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


class Identities:
    """The emulator's idea of principals, mended where local use needs it."""

    def __init__(self) -> None:
        self._evaluator = module("core.iam_evaluator")
        self._iam = module("services.iam")
        self._sts = module("services.sts")
        self._let_dummy_keys_act_as_root()
        self._verify_keys_outside_of_the_header()
        self._refuse_unsigned_requests()

    def assume(self, role_arn: str, service: str, session_name: str, region: str | None = None) -> Credentials:
        """Act as a role on behalf of an AWS service, as that service does with ``sts:AssumeRole``.

        Parameters
        ----------
        role_arn
            The role.
        service
            Service principal that the role's trust policy must name, e.g. ``states.amazonaws.com``.
        session_name
            Shown in the caller's ARN.
        region
            Of a service that has a principal in each region, too: ``states.us-east-1.amazonaws.com``.

        Returns
        -------
        Credentials good for 12 hours; calls made with them are allowed what the role's policies allow.

        Raises
        ------
        RoleMissingError
            If the role does not exist.
        RoleNotAssumableError
            If the role does not trust the service.
        """
        account, role_name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        role = self.trusting(role_arn, service, region)
        expires = dt.datetime.now(dt.UTC).timestamp() + SESSION_SECONDS
        credentials = Credentials(
            access_key="ASIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16)),
            secret_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(60),
            expires=expires,
        )
        self._sts.register_session(
            credentials.access_key,
            {
                "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
                "UserId": f"{role.get('RoleId', role_name)}:{session_name}",
                "SecretAccessKey": credentials.secret_key,
                "SessionToken": credentials.session_token,
                "Expiration": expires,
                "AccountId": account,
                "PrincipalType": "AssumedRole",
            },
        )
        return credentials

    def trusting(self, role_arn: str, service: str, region: str | None = None) -> dict[str, Any]:
        """Give the emulator's record of a role that trusts a service; raises and takes its arguments as `assume`."""
        account, role_name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        role: dict[str, Any] | None = self._iam._roles.get_scoped(account, None, role_name)
        if role is None:
            raise RoleMissingError(role_arn, service)
        name, _, domain = service.partition(".")
        principals = {service, service if region is None else f"{name}.{region}.{domain}"}
        if not _trusts(role.get("AssumeRolePolicyDocument", "{}"), principals):
            raise RoleNotAssumableError(role_arn, service, "its trust policy does not name the service")
        return role

    def inline_policies(self, role: str) -> dict[str, str]:
        """Return the documents of a role's inline policies by name; nothing of a role that is not there."""
        return dict((self._iam._roles.get(role) or {}).get("InlinePolicies", {}))

    def _let_dummy_keys_act_as_root(self) -> None:
        # Symptom: with IAM enforced, a client whose profile holds any key but "test" (an AKIA… of a real
        # account, "dummy") is refused with UnrecognizedClientException or SignatureDoesNotMatch. Keys that
        # the emulator issued itself keep their identity and their signature check.
        evaluator = self._evaluator
        authenticate = evaluator.authenticate
        resolve_credential = evaluator.resolve_credential

        def is_root_access_key(access_key: str) -> bool:
            return not self.is_issued(access_key)

        def authenticate_issued_keys(access_key: str, account: str) -> Any:
            if access_key and is_root_access_key(access_key):
                evaluator._signed_request.set(None)
                return None
            return authenticate(access_key, account)

        def resolve_without_token_of_root(access_key: str, account: str | None = None, *token: Any) -> Any:
            if access_key and is_root_access_key(access_key):
                if not _in_header.get():
                    return evaluator.CredentialResolutionError("UnrecognizedClientException", UNKNOWN_KEY)
                token = ()  # a dummy key may come with a dummy session token
            return resolve_credential(access_key, account, *token)

        rebind(evaluator.is_root_access_key, is_root_access_key)
        rebind(authenticate, authenticate_issued_keys)
        rebind(resolve_credential, resolve_without_token_of_root)

    def _verify_keys_outside_of_the_header(self) -> None:
        # Symptom: a made-up key in a query string acts as root. As on AWS, it is unknown (S3 API reference, "Error
        # responses", InvalidAccessKeyId; the other services' "Common errors", InvalidClientTokenId).
        evaluator = self._evaluator
        pin = evaluator.pin_signed_request
        extract = module("core.router").extract_access_key_id

        def pin_and_note(
            method: str, path: str, query: Mapping[str, Any], headers: Any, *more: Any, **how: Any
        ) -> None:
            pin(method, path, query, headers, *more, **how)
            authorization = _authorization(headers)
            _in_header.set(authorization.startswith(SIGNED))
            # Symptom: with `Basic` or `Bearer`, a request counts as signed, and by root.
            if authorization and not authorization.startswith(SIGNED) and not extract({}, query):
                evaluator._anonymous.set(True)

        rebind(pin, pin_and_note)

    def _refuse_unsigned_requests(self) -> None:
        # Symptom: unsigned calls are served where the emulator knows no IAM action of the call, and S3 lists and makes
        # buckets for anyone. Source: IAM user guide, "AWS Signature Version 4 for API requests", "When to sign
        # requests".
        evaluator = self._evaluator
        check, enforce = evaluator.check_credentials, evaluator.enforce
        say = module("core.iam_actions").anonymous_denial_message

        def check_signed(access_key: str, service: str | None = None) -> Any:
            if evaluator._anonymous.get() and service != "s3":
                return evaluator.AuthError("MissingAuthenticationToken", say(service or "", "", "*"))
            return check(access_key, service)

        def enforce_on_signed(access_key: str, action: str, *call: Any, **details: Any) -> Any:
            if evaluator._anonymous.get() and not access_key and action in NEVER_PUBLIC:
                return evaluator.AuthError("AccessDenied", "Access Denied")
            return enforce(access_key, action, *call, **details)

        rebind(check, check_signed)
        rebind(enforce, enforce_on_signed)

    def is_issued(self, access_key: str) -> bool:
        """Whether a key is one of ours: temporary ones stay refused after they are forgotten."""
        if access_key.startswith("ASIA") or access_key in self._sts._sessions:
            return True
        return any(key == access_key for _, key in self._iam._access_keys.to_dict())


def _authorization(headers: list[tuple[bytes, bytes]]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == b"authorization"), "")


def _trusts(trust_policy: str | dict[str, Any], principals: set[str]) -> bool:
    document = json.loads(trust_policy) if isinstance(trust_policy, str) else trust_policy
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        services = (statement.get("Principal") or {}).get("Service", []) if statement.get("Effect") == "Allow" else []
        if principals.intersection([services] if isinstance(services, str) else services):
            return True
    return False

"""IAM (user guide, "IAM and AWS STS quotas"): sizes of policies, in which blanks do not count."""

import re
from collections.abc import Callable, Mapping

from infra.local.limits.calls import Call
from infra.local.limits.refusal import refuse_beyond
from infra.local.limits.service_limits import Rule
from tasks.aws_limits import IAM_INLINE_POLICIES, IAM_MANAGED_POLICY, IAM_TRUST_POLICY

InlinePolicies = Callable[[str], Mapping[str, str]]
"""Name of a role -> documents of its inline policies by name."""


def rules(inline_policies: InlinePolicies) -> dict[str, Rule]:
    """Return the rules by operation."""

    def put_role_policy(call: Call) -> None:
        role, name = str(call.members.get("RoleName", "")), str(call.members.get("PolicyName", ""))
        check_inline(role, {**inline_policies(role), name: str(call.members.get("PolicyDocument", ""))})

    return {
        "CreatePolicy": lambda call: check_managed(str(call.members.get("PolicyDocument", ""))),
        "CreatePolicyVersion": lambda call: check_managed(str(call.members.get("PolicyDocument", ""))),
        "CreateRole": lambda call: check_trust(str(call.members.get("AssumeRolePolicyDocument", ""))),
        "UpdateAssumeRolePolicy": lambda call: check_trust(str(call.members.get("PolicyDocument", ""))),
        "PutRolePolicy": put_role_policy,
    }


def check_managed(document: str) -> None:
    """Refuse a managed policy that is too long."""
    refuse_beyond(
        IAM_MANAGED_POLICY, _size(document), f"Cannot exceed quota for PolicySize: {IAM_MANAGED_POLICY.value}", 409
    )


def check_trust(document: str) -> None:
    """Refuse a trust policy that is too long."""
    refuse_beyond(
        IAM_TRUST_POLICY, _size(document), f"Cannot exceed quota for ACLSizePerRole: {IAM_TRUST_POLICY.value}", 409
    )


def check_inline(role: str, documents: Mapping[str, str]) -> None:
    """Refuse inline policies of a role that are too long together."""
    refuse_beyond(
        IAM_INLINE_POLICIES,
        sum(map(_size, documents.values())),
        f"Maximum policy size of {IAM_INLINE_POLICIES.value} bytes exceeded for role {role}",
        409,
    )


def _size(document: str) -> int:
    return len(re.sub(r"\s", "", document))

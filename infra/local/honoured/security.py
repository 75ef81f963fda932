"""Identities and keys."""

from infra.local.honoured.rules import Honoured

TYPES = {
    "AWS::IAM::ManagedPolicy": Honoured(works=("Description", "ManagedPolicyName", "Path", "PolicyDocument")),
    "AWS::IAM::Policy": Honoured(works=("PolicyDocument", "PolicyName", "Roles")),
    "AWS::IAM::Role": Honoured(
        works=(
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ),
    ),
    "AWS::KMS::Alias": Honoured(works=("AliasName", "TargetKeyId")),
    "AWS::KMS::Key": Honoured(
        works=("Description", "Tags"),
        recorded={
            "calls of KMS itself ask for it; reading and writing objects, items and messages do not": ("KeyPolicy",),
            "a year does not pass here": ("EnableKeyRotation",),
        },
    ),
}

"""Access to the registry of models in the Parameter Store, and to what it keeps in S3."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.acknowledgements import acknowledge
from infra.parts.stored import Stored
from tasks.models.version import document_prefix


def grant_read_models(role: iam.IRole, stack: cdk.Stack, root: str) -> None:
    """Let a role read which version is active, which there are, and what is known about each.

    Parameters
    ----------
    role
        Who reads.
    stack
        Stack of the role.
    root
        Where the registry begins, such as `/ml-pipeline/models`.
    """
    _grant(role, stack, root, "ssm:GetParameter", ["active-version", "versions/*"])
    _grant(role, stack, root, "ssm:GetParametersByPath", ["versions", "versions/*"])


def grant_read_signatures(role: iam.IRole, stored: Stored) -> None:
    """Let a role read the signatures of versions, but neither their artifacts nor their statistics."""
    stored.let_read(role, stored.models, document_prefix("*", "signature"))


def grant_read_registry_history(role: iam.IRole, stack: cdk.Stack, root: str) -> None:
    """Let a role read which versions were active before. Parameters as for reading."""
    _grant(role, stack, root, "ssm:GetParameterHistory", ["active-version"])


def grant_take_lock(role: iam.IRole, stack: cdk.Stack, root: str) -> None:
    """Let a role see who changes what is served, take that over, and give it back. Parameters as for reading."""
    for action in ("ssm:GetParameterHistory", "ssm:PutParameter"):
        _grant(role, stack, root, action, ["deployment-lock"])


def grant_activate(role: iam.IRole, stack: cdk.Stack, root: str) -> None:
    """Let a role say which version is active. Parameters as for reading."""
    _grant(role, stack, root, "ssm:PutParameter", ["active-version"])


def active_version(root: str) -> str:
    """Name of the parameter of the active version."""
    return f"{root}/active-version"


def grant_register_models(role: iam.IRole, stack: cdk.Stack, root: str) -> None:
    """Let a role read the registry, add versions, and say which one is active. Parameters as for reading.

    It must also be let write below `versions/` in the bucket of models, where signatures and statistics go.
    """
    grant_read_models(role, stack, root)
    _grant(role, stack, root, "ssm:PutParameter", ["active-version", "versions/*"])


def _grant(role: iam.IRole, stack: cdk.Stack, root: str, action: str, parameters: list[str]) -> None:
    arns = [
        stack.format_arn(service="ssm", resource="parameter", resource_name=f"{root.strip('/')}/{parameter}")
        for parameter in parameters
    ]
    iam.Grant.add_to_principal(grantee=role, actions=[action], resource_arns=arns)
    if "*" in arns[-1]:
        acknowledge(role, f"IAM5[Resource::{arns[-1]}]", "Versions are registered at run time, under this path.")

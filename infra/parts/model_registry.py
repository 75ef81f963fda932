"""Access to the registry of models in the Parameter Store."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.acknowledgements import acknowledge
from infra.parts.runtime_environment import MODELS_ROOT


def grant_read_models(role: iam.IRole, stack: cdk.Stack) -> None:
    """Let a role read which version is active, which there are, and what is known about each."""
    _grant(role, stack, "ssm:GetParameter", ["active-version", "versions/*"])
    _grant(role, stack, "ssm:GetParametersByPath", ["versions", "versions/*"])


def grant_register_models(role: iam.IRole, stack: cdk.Stack) -> None:
    """Let a role add versions, and say which one is active."""
    grant_read_models(role, stack)
    _grant(role, stack, "ssm:PutParameter", ["active-version", "versions/*"])


def _grant(role: iam.IRole, stack: cdk.Stack, action: str, parameters: list[str]) -> None:
    arns = [
        stack.format_arn(service="ssm", resource="parameter", resource_name=f"{MODELS_ROOT.strip('/')}/{parameter}")
        for parameter in parameters
    ]
    iam.Grant.add_to_principal(grantee=role, actions=[action], resource_arns=arns)
    acknowledge(role, f"IAM5[Resource::{arns[-1]}]", "Versions are registered at run time, under this path.")

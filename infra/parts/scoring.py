"""What scoring a shard needs, in a Lambda function and in a Batch job alike."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.naming import Names
from infra.parts.deployment_access import DeploymentAccess
from infra.parts.model_registry import grant_read_models
from infra.parts.stored import Stored


def grant_score_by_endpoint(role: iam.IRole, stack: cdk.Stack, names: Names, stored: Stored, models_root: str) -> None:
    """Let a role score through the endpoint: have records preprocessed by the function for it, then ask a variant.

    Parameters
    ----------
    role, stack, stored, models_root
        As for `grant_score`, which is needed, too.
    names
        Names of the deployment.
    """
    DeploymentAccess(stack, names, stored, models_root).let_invoke(role)
    preprocess = stack.format_arn(
        service="lambda",
        resource="function",
        resource_name=names.function("preprocess"),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    iam.Grant.add_to_principal(grantee=role, actions=["lambda:InvokeFunction"], resource_arns=[preprocess])


def grant_score(role: iam.IRole, stack: cdk.Stack, stored: Stored, models_root: str) -> None:
    """Let a role score a shard: read it and the model, write predictions, bad rows, items and the marker.

    Parameters
    ----------
    role
        Who scores.
    stack
        Stack of the role.
    stored
        What is read and written.
    models_root
        Where the registry of models begins.
    """
    grant_read_models(role, stack, models_root)
    stored.let_read(role, stored.data)
    stored.let_read(role, stored.models)
    for prefix in ("predictions/", "quarantine/", "runs/"):
        stored.let_read(role, stored.results, prefix)
        stored.let_write(role, stored.results, prefix)
    # Bad rows of an earlier attempt, of which there are none any more.
    stored.let_delete(role, stored.results, "quarantine/")
    stored.let_add_predictions(role)

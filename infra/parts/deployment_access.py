"""What functions and jobs may do with what serves, and with the registry of models around it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.acknowledgements import acknowledge
from infra.naming import DEPLOYMENT_WORKFLOWS, Names
from infra.parts.model_registry import grant_read_models, grant_read_registry_history, grant_take_lock
from infra.parts.serving_arns import ServingArns
from infra.parts.stored import Stored

_NAMED_AT_RUN_TIME = "Workflows name what they make when they run, with this prefix."


class DeploymentAccess:
    """Grants for the functions of the workflows that change what is served, and for who asks what that is.

    Parameters
    ----------
    stack
        Stack of the roles.
    names
        Names of the deployment.
    stored
        What is stored.
    models_root
        Where the registry of models begins.
    """

    def __init__(self, stack: cdk.Stack, names: Names, stored: Stored, models_root: str) -> None:
        self._stack = stack
        self._arns = ServingArns(stack, names)
        self._stored = stored
        self._models_root = models_root

    def let_plan(self, role: iam.IRole) -> None:
        """Read registry and artifacts, take the lock, stop who holds it, and see what is served and kept."""
        grant_read_models(role, self._stack, self._models_root)
        grant_read_registry_history(role, self._stack, self._models_root)
        grant_take_lock(role, self._stack, self._models_root)
        self._stored.let_read(role, self._stored.models)
        self.let_see_what_is_served(role)
        _grant(role, ["sagemaker:ListEndpointConfigs"], "*")
        for executions in map(self._arns.executions, DEPLOYMENT_WORKFLOWS):
            _grant(role, ["states:DescribeExecution", "states:StopExecution"], executions)
            acknowledge(
                role, f"IAM5[Resource::{executions}]", "Who starts an execution names it, and each may hold the lock."
            )

    def let_smoke_test(self, role: iam.IRole) -> None:
        """Read golden records, and ask a variant for its predictions of them."""
        grant_read_models(role, self._stack, self._models_root)
        self._stored.let_read(role, self._stored.models)
        self.let_invoke(role)

    def let_judge(self, role: iam.IRole) -> None:
        """Read metrics, outcomes, and the predictions that these belong to."""
        # Metrics have no resource (Service Authorization Reference, "Amazon CloudWatch").
        _grant(role, ["cloudwatch:GetMetricData"], "*")
        self._stored.let_read(role, self._stored.data, "outcomes/online/")
        self._stored.let_look_up_predictions(role)

    def let_settle(self, role: iam.IRole) -> None:
        """See what is served and kept, remove what workflows have made and nobody needs, and give the lock back."""
        grant_take_lock(role, self._stack, self._models_root)
        self.let_see_what_is_served(role)
        _grant(role, ["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"], "*")
        _grant(role, ["sagemaker:DeleteEndpointConfig"], self._arns.made_configs)
        _grant(role, ["sagemaker:DeleteModel"], self._arns.made_models)

    def let_see_what_is_served(self, role: iam.IRole) -> None:
        """Describe the endpoint, its configuration and its models."""
        _grant(role, ["sagemaker:DescribeEndpoint"], self._arns.endpoint)
        _grant(role, ["sagemaker:DescribeEndpointConfig"], self._arns.first_config, self._arns.made_configs)
        _grant(role, ["sagemaker:DescribeModel"], self._arns.first_model, self._arns.made_models)
        for pattern in self._arns.patterns:
            acknowledge(role, f"IAM5[Resource::{pattern}]", _NAMED_AT_RUN_TIME)

    def let_invoke(self, role: iam.IRole) -> None:
        """Ask the endpoint for predictions, whichever variant."""
        _grant(role, ["sagemaker:InvokeEndpoint"], self._arns.endpoint)


def _grant(role: iam.IRole, actions: list[str], *arns: str) -> None:
    iam.Grant.add_to_principal(grantee=role, actions=actions, resource_arns=list(arns))

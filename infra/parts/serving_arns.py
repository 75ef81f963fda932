"""ARNs of what serves: the endpoint, and the models and configurations of the first deployment and of workflows."""

import aws_cdk as cdk
from constructs import Construct

from infra.naming import Names


class ServingArns:
    """The ARNs as policies name them. Workflows name what they make when they run, so a pattern stands for that.

    Parameters
    ----------
    scope
        Where the policies are.
    names
        Names of the deployment.
    """

    def __init__(self, scope: Construct, names: Names) -> None:
        self._stack = cdk.Stack.of(scope)
        self._names = names
        self.endpoint = self._arn("endpoint", names.endpoint)
        self.first_config = self._arn("endpoint-config", names.first_config)
        self.first_model = self._arn("model", names.first_model)
        self.made_configs = self._arn("endpoint-config", f"{names.of('sagemaker-config')}-*")
        self.made_models = self._arn("model", f"{names.of('sagemaker-model')}-*")

    @property
    def patterns(self) -> tuple[str, str]:
        """Those that stand for more than one thing."""
        return self.made_configs, self.made_models

    def executions(self, workflow: str) -> str:
        """All executions of a workflow."""
        return self._stack.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self._names.state_machine(workflow)}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    def _arn(self, resource: str, name: str) -> str:
        return self._stack.format_arn(service="sagemaker", resource=resource, resource_name=name)

"""The first model, and the SageMaker endpoint with its two variants that scale by themselves."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.naming import Names
from infra.settings import Settings
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack


class ModelsStack(cdk.Stack):
    """The first model, and the SageMaker endpoint with its two variants that scale by themselves."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        names: Names,
        storage: StorageStack,
        network: NetworkStack,
        tasks: TasksStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, names.stack("models"), **stack)
        iam.Role(
            self,
            "EndpointRole",
            role_name=names.role("endpoint"),
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="What SageMaker may do to run the model containers",
        )

"""The REST API in front of the endpoint."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.naming import Names
from infra.parts.log_group import log_group
from infra.settings import Settings
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack


class ApiStack(cdk.Stack):
    """The REST API in front of the endpoint."""

    def __init__(
        self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, tasks: TasksStack, **stack: Any
    ) -> None:
        super().__init__(scope, names.stack("api"), **stack)
        self.add_stack_dependency(tasks, "it calls a function")
        log_group(self, "AccessLogs", f"/aws/apigateway/{names.api}", settings, storage.logs_key)

"""Records that are scored as they come: a Kinesis stream, and how Lambda reads it."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.naming import Names
from infra.settings import Settings
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack


class StreamingStack(cdk.Stack):
    """Records that are scored as they come: a Kinesis stream, and how Lambda reads it."""

    def __init__(
        self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, tasks: TasksStack, **stack: Any
    ) -> None:
        super().__init__(scope, names.stack("streaming"), **stack)

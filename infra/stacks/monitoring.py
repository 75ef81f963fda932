"""Dashboards, alarms, and who hears of them."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.naming import Names
from infra.settings import Settings
from infra.stacks.storage import StorageStack


class MonitoringStack(cdk.Stack):
    """Dashboards, alarms, and who hears of them."""

    def __init__(self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, **stack: Any) -> None:
        super().__init__(scope, names.stack("monitoring"), **stack)

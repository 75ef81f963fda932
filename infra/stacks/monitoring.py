"""Dashboards, alarms, and who hears of them."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.naming import Names
from infra.settings import Settings
from infra.stacks.storage import StorageStack


class MonitoringStack(cdk.Stack):
    """Dashboards, alarms, and who hears of them.

    Attributes
    ----------
    alarms
        SNS topic that is told about alarms, and about runs that ended badly.
    """

    def __init__(self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, **stack: Any) -> None:
        super().__init__(scope, names.stack("monitoring"), **stack)
        self.alarms = sns.Topic(
            self, "Alarms", topic_name=names.alarms_topic, master_key=storage.messages_key, enforce_ssl=True
        )

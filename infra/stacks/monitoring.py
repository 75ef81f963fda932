"""Dashboards, alarms, and who hears of them."""

from collections import defaultdict
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.monitoring import alarms, dashboards
from infra.monitoring.metrics import Metrics
from infra.monitoring.notices import Notices
from infra.naming import Names
from infra.settings import Settings
from infra.stacks.storage import StorageStack


class MonitoringStack(cdk.Stack):
    """Dashboards, alarms, and who hears of them.

    What is watched is known by its name alone, so this stack comes last and none of the others knows of it.
    """

    def __init__(self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, **stack: Any) -> None:
        super().__init__(scope, names.stack("monitoring"), **stack)
        metrics = Metrics(self, names)
        topic = Notices(self, settings.alarms, names, storage.messages_key).topic
        shown = defaultdict(list)
        for watch in alarms.watches(settings.alarms, metrics):
            shown[watch.dashboard].append(alarms.make(self, watch, names, topic))
        for purpose, rows in dashboards.dashboards(settings, metrics).items():
            dashboards.make(self, purpose, rows, shown[purpose], names)

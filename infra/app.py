"""The CDK app: all stacks of one environment. Run by the CDK command line, as `cdk.json` says."""

import os
import sys
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra import aspects, settings
from infra.errors import InfraError
from infra.naming import Names
from infra.stacks.analytics import AnalyticsStack
from infra.stacks.api import ApiStack
from infra.stacks.batch import BatchStack
from infra.stacks.models import ModelsStack
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack
from infra.stacks.streaming import StreamingStack
from infra.stacks.tasks import TasksStack
from infra.stacks.workflows import DEFINITIONS, WorkflowsStack


def build(app: cdk.App, chosen: settings.Settings, definitions: Path = DEFINITIONS) -> None:
    """Add the stacks of one environment to an app, with the rules that hold for all of them.

    Parameters
    ----------
    app
        The app.
    chosen
        Settings of the environment.
    definitions
        Directory of the rendered workflows.
    """
    names = Names(chosen.environment, chosen.region, chosen.account or cdk.Aws.ACCOUNT_ID)
    where = cdk.Environment(account=chosen.account, region=chosen.region)
    storage = StorageStack(app, chosen, names, env=where)
    network = NetworkStack(app, chosen, names, storage, env=where)
    tasks = TasksStack(app, chosen, names, storage, network, env=where)
    batch = BatchStack(app, chosen, names, storage, network, env=where)
    models = ModelsStack(app, chosen, names, storage, network, tasks, env=where)
    streaming = StreamingStack(app, chosen, names, storage, tasks, env=where)
    api = ApiStack(app, chosen, names, storage, tasks, env=where)
    analytics = AnalyticsStack(app, chosen, names, storage, env=where)
    workflows = WorkflowsStack(app, chosen, names, storage, tasks, batch, definitions=definitions, env=where)
    MonitoringStack(app, chosen, names, storage, env=where)
    # What is named and not referred to (decision 3) must be there all the same before the first caller comes.
    for caller in (streaming, api, workflows):
        caller.add_stack_dependency(models, "its callers want a model that answers")
    workflows.add_stack_dependency(analytics, "its runs start the crawler")
    aspects.apply(app, chosen)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def main() -> int:
    """Synthesize the environment that the context or `ML_PIPELINE_ENVIRONMENT` names.

    Returns
    -------
    0, or 1 after a message on standard error that says what to change.
    """
    app = cdk.App()
    try:
        # The CDK command line runs the app where cdk.json is. It has read it already, but would not have seen a key
        # that is there twice.
        if (cdk_json := Path("cdk.json")).exists():
            settings.read_cdk_json(cdk_json)
        context = {key: app.node.try_get_context(key) for key in (settings.CONTEXT_KEY, "environment", "region")}
        build(app, settings.load(context, os.environ))
    except InfraError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())

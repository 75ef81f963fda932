"""The workflows: state machines made from the committed ASL, and what starts them by itself.

Each change of a definition makes a version, and the alias `live`, through which all start it, moves there. The
definitions are literal in the template, with placeholders such as `${PlanShardsFunction}` filled in by CloudFormation,
so that a reviewer sees in the diff what will run. The stack imports the other stacks' resources and changes none of
them: it can be deployed alone.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.errors import DefinitionMissing
from infra.naming import DEPLOYMENT_WORKFLOWS, SCHEDULED_WORKFLOWS, WORKFLOW_FUNCTIONS, Names
from infra.parts.batch_workflow import let_map_over_shards, let_submit_jobs
from infra.parts.deployment_workflow import let_change_what_is_served, let_make_models
from infra.parts.followed_version import FollowedVersion
from infra.parts.model_registry import active_version, grant_activate
from infra.parts.state_machine import let_invoke, state_machine, workflow_role
from infra.parts.stored import Stored
from infra.parts.workflow_schedules import WorkflowSchedules
from infra.settings import Settings
from infra.stacks.batch import BatchStack
from infra.stacks.models import takes_volume_key
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack

DEFINITIONS = Path(__file__).resolve().parents[2] / "workflows" / "asl"

#: Functions that each of the workflows that change what is served calls, and what one of them calls beside these.
_DEPLOYMENT_FUNCTIONS = ("plan-deployment", "settle-deployment", "halt-run")
_FURTHER_FUNCTIONS = {
    "model-deploy": ("smoke-test",),
    "model-rollback": ("smoke-test",),
    "traffic-shift": ("judge-traffic",),
}


class WorkflowsStack(cdk.Stack):
    """State machines, schedules, and the rule that follows the active version.

    Parameters
    ----------
    definitions
        Directory of the rendered `*.asl.json` files.

    Raises
    ------
    DefinitionMissing
        If a definition has not been rendered.
    """

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        names: Names,
        storage: StorageStack,
        tasks: TasksStack,
        batch: BatchStack,
        *,
        definitions: Path = DEFINITIONS,
        **stack: Any,
    ) -> None:
        super().__init__(scope, names.stack("workflows"), **stack)
        self._settings = settings
        self._names = names
        self._storage = storage
        self._stored = Stored(self, names, storage)
        self._tasks = tasks
        self._batch = batch
        self._definitions = definitions
        aliases = {"batch-inference": self._batch_inference()}
        aliases |= {workflow: self._deployment(workflow) for workflow in DEPLOYMENT_WORKFLOWS}
        WorkflowSchedules(self, settings, names, {name: aliases[name].attr_arn for name in SCHEDULED_WORKFLOWS})
        FollowedVersion(self, settings, names, aliases["model-rollback"])

    def _batch_inference(self) -> sfn.CfnStateMachineAlias:
        workflow = "batch-inference"
        crawler = self.format_arn(service="glue", resource="crawler", resource_name=self._names.crawler)
        # Without a revision: the name stands for the latest active one. With it, the export of the batch stack would
        # change with every new image, and CloudFormation refuses to change an export that is in use.
        job_definition = self.format_arn(
            service="batch", resource="job-definition", resource_name=self._names.job_definition("score")
        )
        queue = self._batch.queue.job_queue_arn
        role = workflow_role(
            self,
            self._names,
            workflow,
            on_all="X-Ray, the delivery of logs and batch:DescribeJobs take no narrower resource.",
        )
        functions = let_invoke(role, self._functions(WORKFLOW_FUNCTIONS))
        let_submit_jobs(role, self, job_definition, queue)
        let_map_over_shards(role, self, self._names, workflow, self._stored, self._storage.data_key)
        self._storage.runs.grant_publish(role)
        iam.Grant.add_to_principal(
            grantee=role, actions=["glue:StartCrawler", "glue:GetCrawler"], resource_arns=[crawler]
        )
        substitutions = {
            **functions,
            "ScoreJobDefinition": job_definition,
            "JobQueue": queue,
            "CrawlerName": self._names.crawler,
            "RunsTopic": self._storage.runs.topic_arn,
        }
        return self._machine(workflow, role, substitutions)

    def _deployment(self, workflow: str) -> sfn.CfnStateMachineAlias:
        """One of the workflows that change which model is served."""
        settings = self._settings
        role = workflow_role(
            self, self._names, workflow, on_all="X-Ray and the delivery of logs take no narrower resource."
        )
        functions = let_invoke(role, self._functions((*_DEPLOYMENT_FUNCTIONS, *_FURTHER_FUNCTIONS[workflow])))
        volumes_key = self._storage.data_key if takes_volume_key(settings.endpoint.instance_type) else None
        let_change_what_is_served(role, self, self._names, volumes_key)
        if workflow != "traffic-shift":
            let_make_models(role, self, self._names)
        grant_activate(role, self, settings.models_root)
        self._storage.runs.grant_publish(role)
        substitutions = {
            **functions,
            "EndpointName": self._names.endpoint,
            "ActiveVersionParameter": active_version(settings.models_root),
            "RunsTopic": self._storage.runs.topic_arn,
        }
        return self._machine(workflow, role, substitutions)

    def _functions(self, names: Iterable[str]) -> dict[str, lambda_.IFunction]:
        return {name: self._tasks.functions[name] for name in names}

    def _machine(self, workflow: str, role: iam.Role, substitutions: Mapping[str, str]) -> sfn.CfnStateMachineAlias:
        definition = read_definition(self._definitions / f"{workflow.replace('-', '_')}.asl.json")
        return state_machine(
            self,
            self._settings,
            self._names,
            workflow,
            definition,
            role,
            substitutions,
            logs_key=self._storage.logs_key,
        )


def read_definition(path: Path) -> str:
    """The ASL of a workflow, as it was rendered.

    Raises
    ------
    DefinitionMissing
        If the file is not there.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DefinitionMissing(f"{path} is missing. Render the workflows first: `make render`.") from error

"""The workflows: state machines made from the committed ASL, and the schedules that start them.

Each change of a definition makes a version, and the alias `live`, through which all start it, moves there. The
definitions are literal in the template, with placeholders such as `${PlanShardsFunction}` filled in by CloudFormation,
so that a reviewer sees in the diff what will run. The stack imports the other stacks' resources and changes none of
them: it can be deployed alone.
"""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.errors import DefinitionMissing
from infra.naming import ALIAS, WORKFLOW_FUNCTIONS, Names
from infra.parts.log_group import log_group
from infra.parts.stored import Stored
from infra.parts.workflow_schedules import WorkflowSchedules
from infra.settings import Settings
from infra.stacks.batch import BatchStack
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack

DEFINITIONS = Path(__file__).resolve().parents[2] / "workflows" / "asl"


class WorkflowsStack(cdk.Stack):
    """State machines and schedules.

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
        aliases = {"batch-inference": self._batch_inference(read_definition(definitions / "batch_inference.asl.json"))}
        WorkflowSchedules(self, settings, names, {workflow: alias.attr_arn for workflow, alias in aliases.items()})

    def _batch_inference(self, definition: str) -> sfn.CfnStateMachineAlias:
        workflow = "batch-inference"
        crawler = self.format_arn(service="glue", resource="crawler", resource_name=self._names.crawler)
        # Without a revision: the name stands for the latest active one. With it, the export of the batch stack would
        # change with every new image, and CloudFormation refuses to change an export that is in use.
        job_definition = self.format_arn(
            service="batch", resource="job-definition", resource_name=self._names.job_definition("score")
        )
        role = self._role(workflow)
        functions = {name: self._tasks.functions[name] for name in WORKFLOW_FUNCTIONS}
        for function in functions.values():
            function.grant_invoke_latest_version(role)
        self._let_submit_jobs(role, job_definition)
        self._let_map_over_shards(role, workflow)
        self._storage.runs.grant_publish(role)
        iam.Grant.add_to_principal(
            grantee=role, actions=["glue:StartCrawler", "glue:GetCrawler"], resource_arns=[crawler]
        )
        return self._state_machine(
            workflow,
            definition,
            role,
            substitutions={
                **{f"{_pascal(name)}Function": f.function_arn for name, f in functions.items()},
                "ScoreJobDefinition": job_definition,
                "JobQueue": self._batch.queue.job_queue_arn,
                "CrawlerName": self._names.crawler,
                "RunsTopic": self._storage.runs.topic_arn,
            },
        )

    def _role(self, workflow: str) -> iam.Role:
        role = iam.Role(
            self,
            f"{workflow}-role",
            role_name=self._names.role(f"sfn-{workflow}"),
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description=f"Workflow {workflow}",
        )
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "X-Ray, the delivery of logs and batch:DescribeJobs take no narrower resource.",
        )
        acknowledge_grants(role)
        return role

    def _let_submit_jobs(self, role: iam.Role, job_definition: str) -> None:
        """`batch:submitJob.sync` (Step Functions developer guide, "IAM policies for calling AWS Batch")."""
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["batch:SubmitJob"],
                resources=[job_definition, f"{job_definition}:*", self._batch.queue.job_queue_arn],
            )
        )
        jobs = self.format_arn(service="batch", resource="job", resource_name="*")
        role.add_to_policy(iam.PolicyStatement(actions=["batch:TerminateJob"], resources=[jobs]))
        role.add_to_policy(iam.PolicyStatement(actions=["batch:DescribeJobs"], resources=["*"]))
        acknowledge(role, f"IAM5[Resource::{jobs}]", "Batch names the jobs that it is given; a stopped run ends them.")
        acknowledge(
            role, f"IAM5[Resource::{job_definition}:*]", "Any revision of one job definition: the latest one is used."
        )
        rule = self.format_arn(
            service="events", resource="rule", resource_name="StepFunctionsGetEventsForBatchJobsRule"
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"], resources=[rule]
            )
        )

    def _let_map_over_shards(self, role: iam.Role, workflow: str) -> None:
        """A Distributed Map: run children of itself, read the manifest, write the results of the map.

        Source: Step Functions developer guide, "IAM policies for using Distributed Map state".
        """
        machine = self.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=self._names.state_machine(workflow),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        executions = self.format_arn(
            service="states",
            resource="execution",
            resource_name=self._names.state_machine(workflow),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        children = f"{executions}/*"
        role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["states:DescribeExecution", "states:StopExecution"], resources=[f"{executions}:*", children]
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["states:RedriveExecution"], resources=[children]))
        manifests = self._stored.results.arn_for_objects("runs/*/manifest/*")
        map_results = self._stored.results.arn_for_objects("runs/*/map-results/*")
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[manifests]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
                resources=[map_results],
            )
        )
        self._storage.data_key.grant_encrypt_decrypt(role)
        for names in (f"{executions}:*", children):
            acknowledge(role, f"IAM5[Resource::{names}]", "Step Functions names the children of a map when it runs.")
        for objects in (manifests, map_results):
            acknowledge(role, f"IAM5[Resource::{objects}]", "The run's id is part of the key.")

    def _state_machine(
        self, workflow: str, definition: str, role: iam.Role, substitutions: dict[str, str]
    ) -> sfn.CfnStateMachineAlias:
        """State machine, a version of what it is now, and the alias that callers use.

        Versions are kept when a newer one replaces them: an execution can be redriven, and an alias be moved back.
        """
        logs = log_group(
            self,
            f"{workflow}-logs",
            # Under this prefix the size of the log delivery's resource policy stays within its limit (Step Functions
            # developer guide, "Logging using CloudWatch Logs").
            f"/aws/vendedlogs/states/{self._names.state_machine(workflow)}",
            self._settings,
            self._storage.logs_key,
        )
        machine = sfn.StateMachine(
            self,
            workflow,
            state_machine_name=self._names.state_machine(workflow),
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions=substitutions,
            role=role,
            # Every event, but not what was in it: the history has it for 90 days, readable with the workflow's rights.
            logs=sfn.LogOptions(destination=logs, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
        )
        version = sfn.CfnStateMachineVersion(
            self,
            f"{workflow}-version",
            state_machine_arn=machine.state_machine_arn,
            state_machine_revision_id=machine.state_machine_revision_id,
        )
        version.apply_removal_policy(cdk.RemovalPolicy.DESTROY, apply_to_update_replace_policy=False)
        version.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
        return sfn.CfnStateMachineAlias(
            self,
            f"{workflow}-alias",
            name=ALIAS,
            description="Schedules and people start the workflow through this alias",
            routing_configuration=[
                sfn.CfnStateMachineAlias.RoutingConfigurationVersionProperty(
                    state_machine_version_arn=version.attr_arn, weight=100
                )
            ],
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


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))

"""The Lambda functions, each with exactly the permissions of its one job."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import packaging
from infra.naming import FUNCTIONS, Names
from infra.parts.deployment_access import DeploymentAccess
from infra.parts.model_registry import (
    grant_read_models,
    grant_read_registry_history,
    grant_read_signatures,
    grant_register_models,
)
from infra.parts.runtime_environment import runtime_environment
from infra.parts.scoring import grant_score
from infra.parts.stored import Stored
from infra.parts.task_function import TaskFunction
from infra.settings import Settings
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack

#: Functions that CloudFormation calls while it deploys. Their answer goes to a bucket of AWS's, by a link; the network
#: lets nobody reach that.
_OUTSIDE_THE_NETWORK = ("ship-model",)


class TasksStack(cdk.Stack):
    """Layer and functions.

    The roles are here and so is all that they may do. What is deployed later, such as the endpoint, the stream and its
    failure queue, is named.

    Attributes
    ----------
    functions
        The functions by name, one for each of `infra.naming.FUNCTIONS`.
    """

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        names: Names,
        storage: StorageStack,
        network: NetworkStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, names.stack("tasks"), **stack)
        self._names = names
        self._models_root = settings.models_root
        layer = lambda_.LayerVersion(
            self,
            "Libraries",
            layer_version_name=names.of("lambda-libraries"),
            description="What the tasks import: numpy, pyarrow, orjson, Powertools",
            code=packaging.shared_layer_code(),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_11],
            compatible_architectures=[lambda_.Architecture.X86_64],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        code = packaging.tasks_code()
        self.functions = {
            name: TaskFunction(
                self,
                name,
                settings=settings,
                names=names,
                code=code,
                layer=layer,
                network=None if name in _OUTSIDE_THE_NETWORK else network,
                logs_key=storage.logs_key,
                variables=runtime_environment(settings, names),
            ).function
            for name in FUNCTIONS
        }
        stored = Stored(self, names, storage)
        self._grant_workflow(stored)
        self._grant_deployments(stored)
        self._grant_online(stored, storage)
        # The object that is shipped is let in by `let_ship`.
        grant_register_models(self._role("ship-model"), self, self._models_root)
        stored.let_write(self._role("ship-model"), stored.models, "versions/")

    def let_ship(self, asset: s3_assets.Asset) -> None:
        """Let `ship-model` read one asset: this object, not the bucket of all assets."""
        objects = f"arn:{self.partition}:s3:::{asset.s3_bucket_name}/{asset.s3_object_key}"
        iam.Grant.add_to_principal(grantee=self._role("ship-model"), actions=["s3:GetObject"], resource_arns=[objects])

    def _grant_workflow(self, stored: Stored) -> None:
        """What each function of the batch workflow touches. `halt-run` is not here: it touches nothing."""
        normalise, plan, score = (self._role(name) for name in ("normalise-run", "plan-shards", "score-shard"))
        check, summarise = self._role("check-shards"), self._role("summarise-run")

        grant_read_models(normalise, self, self._models_root)
        stored.let_read(normalise, stored.results, "runs/")
        stored.let_read(plan, stored.data)
        for role in (plan, check, summarise):
            # A marker counts only while the objects that it names are there, so whoever reads markers looks at these.
            for prefix in ("predictions/", "quarantine/", "runs/"):
                stored.let_read(role, stored.results, prefix)
        for role in (plan, summarise):
            stored.let_write(role, stored.results, "runs/")
        # What the runs of a schedule took, so that none takes it again.
        stored.let_read(plan, stored.results, "schedules/")
        stored.let_write(plan, stored.results, "schedules/")
        grant_score(score, self, stored, self._models_root)

    def _grant_deployments(self, stored: Stored) -> None:
        """What the functions that change, test and judge what is served touch."""
        access = DeploymentAccess(self, self._names, stored, self._models_root)
        access.let_plan(self._role("plan-deployment"))
        access.let_smoke_test(self._role("smoke-test"))
        access.let_judge(self._role("judge-traffic"))
        access.let_settle(self._role("settle-deployment"))
        # Which scorer a run takes depends on what is served when it is planned.
        access.let_see_what_is_served(self._role("plan-shards"))
        preprocess = self._role("preprocess")
        grant_read_models(preprocess, self, self._models_root)
        grant_read_signatures(preprocess, stored)

    def _grant_online(self, stored: Stored, storage: StorageStack) -> None:
        """What the functions behind the API and the stream touch."""
        access = DeploymentAccess(self, self._names, stored, self._models_root)
        predict, score_stream = self._role("predict"), self._role("score-stream")
        for role in (predict, score_stream):
            access.let_invoke(role)
            grant_read_models(role, self, self._models_root)
            grant_read_signatures(role, stored)
            # Where the active version is of no use, a fresh process takes the one before.
            grant_read_registry_history(role, self, self._models_root)
            stored.let_add_predictions(role)

        # Lambda reads the stream and reports failures with the function's role (Lambda developer guide, "Using AWS
        # Lambda with Amazon Kinesis").
        stream = kinesis.Stream.from_stream_arn(
            self, "Records", self.format_arn(service="kinesis", resource="stream", resource_name=self._names.stream)
        )
        stream.grant(
            score_stream,
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        )
        storage.data_key.grant_decrypt(score_stream)
        failures = sqs.Queue.from_queue_attributes(
            self,
            "StreamFailures",
            queue_arn=self.format_arn(service="sqs", resource=self._names.stream_failures),
            key_arn=storage.messages_key.key_arn,
        )
        failures.grant_send_messages(score_stream)
        stored.let_write(score_stream, stored.results, "quarantine/stream/")

    def _role(self, function: str) -> iam.IRole:
        role = self.functions[function].role
        assert role is not None  # noqa: S101 - every TaskFunction has one; the CDK's type covers imported functions
        return role

"""The Lambda functions of the batch workflow, each with exactly the permissions of its one job."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import packaging
from infra.naming import FUNCTIONS, Names
from infra.parts.model_registry import grant_read_models
from infra.parts.runtime_environment import runtime_environment
from infra.parts.scoring import grant_score
from infra.parts.stored import Stored
from infra.parts.task_function import TaskFunction
from infra.settings import Settings
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack


class TasksStack(cdk.Stack):
    """Layer and functions.

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
                vpc=network.vpc,
                security_group=network.functions_group,
                logs_key=storage.logs_key,
                variables=runtime_environment(settings, names),
            ).function
            for name in FUNCTIONS
        }
        self._grant(Stored(self, names, storage))

    def _grant(self, stored: Stored) -> None:
        """What each function touches. `halt-run` is not here: it touches nothing."""
        normalise, plan, score = (self._role(name) for name in ("normalise-run", "plan-shards", "score-shard"))
        check, summarise = self._role("check-shards"), self._role("summarise-run")

        grant_read_models(normalise, self)
        stored.let_read(normalise, stored.results, "runs/")
        stored.let_read(plan, stored.data)
        for role in (plan, check, summarise):
            # A marker counts only while the objects that it names are there, so whoever reads markers looks at these.
            for prefix in ("predictions/", "quarantine/", "runs/"):
                stored.let_read(role, stored.results, prefix)
        for role in (plan, summarise):
            stored.let_write(role, stored.results, "runs/")
        grant_score(score, self, stored)

    def _role(self, function: str) -> iam.IRole:
        role = self.functions[function].role
        assert role is not None  # noqa: S101 - every TaskFunction has one; the CDK's type covers imported functions
        return role

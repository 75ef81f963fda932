"""AWS Batch on Fargate: compute environment, queue, the image, and one job definition for each command of it."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.naming import Names
from infra.parts.log_group import log_group
from infra.parts.model_registry import grant_register_models
from infra.parts.runtime_environment import runtime_environment
from infra.parts.scoring import grant_score
from infra.parts.stored import Stored
from infra.settings import Settings
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack

_ROOT = Path(__file__).resolve().parents[2]


class BatchStack(cdk.Stack):
    """Batch jobs.

    Attributes
    ----------
    queue
        The job queue.
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
        super().__init__(scope, names.stack("batch"), **stack)
        self._settings = settings
        self._names = names
        compute = batch.FargateComputeEnvironment(
            self,
            "Compute",
            compute_environment_name=names.compute_environment,
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            security_groups=[network.jobs_group],
            maxv_cpus=settings.batch_max_vcpus,
        )
        self.queue = batch.JobQueue(
            self,
            "Queue",
            job_queue_name=names.job_queue,
            compute_environments=[batch.OrderedComputeEnvironment(compute_environment=compute, order=1)],
        )
        self._image = ecr_assets.DockerImageAsset(
            self,
            "Image",
            directory=str(_ROOT),
            file="batch_jobs/Dockerfile",
            platform=ecr_assets.Platform.LINUX_AMD64,
        )
        self._logs = log_group(self, "Logs", f"/aws/batch/{names.of('batch-jobs')}", settings, storage.logs_key)
        self._execution_role = self._role("batch-execution", "Starts the containers: pulls the image, writes the logs")
        self._logs.grant_write(self._execution_role)
        acknowledge(self._execution_role, "IAM5[Resource::*]", "ecr:GetAuthorizationToken takes no narrower resource.")

        stored = Stored(self, names, storage)
        grant_score(self._job("score"), self, stored)
        train = self._job("train")
        stored.let_read(train, stored.data)
        stored.let_read(train, stored.models)
        stored.let_write(train, stored.models)
        grant_register_models(train, self)

    def _role(self, purpose: str, description: str) -> iam.Role:
        role = iam.Role(
            self,
            f"{purpose}-role",
            role_name=self._names.role(purpose),
            assumed_by=iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description=description,
        )
        acknowledge_grants(role)
        return role

    def _job(self, command: str) -> iam.Role:
        """Define a job, and give back its role, which may do nothing yet."""
        size = self._settings.jobs[command]
        role = self._role(f"batch-{command}", f"What the job {command} may do")
        batch.EcsJobDefinition(
            self,
            command,
            job_definition_name=self._names.job_definition(command),
            propagate_tags=True,
            container=batch.EcsFargateContainerDefinition(
                self,
                f"{command}-container",
                image=ecs.ContainerImage.from_docker_image_asset(self._image),
                command=[command],
                cpu=size.vcpus,
                memory=cdk.Size.mebibytes(size.memory_mib),
                assign_public_ip=False,
                execution_role=self._execution_role,
                job_role=role,
                logging=ecs.LogDriver.aws_logs(stream_prefix=command, log_group=self._logs),
                environment={
                    "AWS_REGION": self.region,
                    # OpenMP takes the host's processors for its own; threads beyond the job's share only wait.
                    "OMP_NUM_THREADS": str(max(1, int(size.vcpus))),
                    **runtime_environment(self._settings, self._names),
                },
            ),
            retry_attempts=size.attempts,
            retry_strategies=_RETRIES,
            timeout=cdk.Duration.minutes(size.timeout_minutes),
        )
        return role


#: Rules are tried in order, five at most; a job that matches none is retried (Batch user guide, "Automated job
#: retries"), so the last rule ends everything that is not known to pass by itself.
_RETRIES = [
    # What befalls a job on Fargate before its command runs: no network interface in time (AWS re:Post, "Resolve network
    # interface provisioning errors for Amazon ECS on Fargate"), or no image.
    batch.RetryStrategy.of(
        batch.Action.RETRY, batch.Reason.custom(on_status_reason="Timeout waiting for network interface*")
    ),
    batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_status_reason="Task failed to start*")),
    # EX_TEMPFAIL of sysexits.h: the command itself says that it is worth another attempt.
    batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_exit_code="75")),
    # 128 + SIGKILL: out of memory, or the host went away.
    batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_exit_code="137")),
    batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_reason="*")),
]

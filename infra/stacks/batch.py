"""AWS Batch on Fargate: compute environment, queue, the image, and one job definition for each command of it."""

import math
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.errors import SettingsError
from infra.naming import Names
from infra.parts.image import JOBS, container_image
from infra.parts.log_group import log_group
from infra.parts.model_registry import grant_register_models
from infra.parts.runtime_environment import runtime_environment
from infra.parts.scoring import grant_score, grant_score_by_endpoint
from infra.parts.stored import Stored
from infra.settings import Settings
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack


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
        self.queue = batch.JobQueue(self, "Queue", job_queue_name=names.job_queue)
        for order, compute in enumerate(self._compute(network), start=1):
            self.queue.add_compute_environment(compute, order)
        self._image = container_image(self, JOBS)
        self._logs = log_group(self, "Logs", f"/aws/batch/{names.of('batch-jobs')}", settings, storage.logs_key)
        self._execution_role = self._role("batch-execution", "Starts the containers: pulls the image, writes the logs")
        self._logs.grant_write(self._execution_role)
        acknowledge(self._execution_role, "IAM5[Resource::*]", "ecr:GetAuthorizationToken takes no narrower resource.")

        stored = Stored(self, names, storage)
        score = self._job("score")
        grant_score(score, self, stored, settings.models_root)
        grant_score_by_endpoint(score, self, names, stored, settings.models_root)
        train = self._job("train")
        stored.let_read(train, stored.data)
        stored.let_read(train, stored.models)
        stored.let_write(train, stored.models)
        grant_register_models(train, self, settings.models_root)

    def _compute(self, network: NetworkStack) -> list[batch.FargateComputeEnvironment]:
        """Where jobs run, in the order in which the queue tries (Batch API reference, "ComputeEnvironmentOrder").

        Spot, if it is wanted, comes first; on demand then keeps a quarter of the vCPUs, enough for the largest job, so
        that both together stay within the limit.
        """
        limit = self._settings.batch_max_vcpus
        if not self._settings.batch_spot:
            return [self._environment("Compute", self._names.compute_environment, network, limit)]
        largest = math.ceil(max(size.vcpus for size in self._settings.jobs.values()))
        on_demand = max(largest, limit // 4)
        if limit - on_demand < largest:
            raise SettingsError(
                f"Setting batch_max_vcpus is {limit}. Allowed with batch_spot: {2 * largest} or more, so that the "
                f"largest job ({largest} vCPUs) fits on Spot and on demand."
            )
        return [
            self._environment(
                "SpotCompute", self._names.of("batch-compute-spot"), network, limit - on_demand, spot=True
            ),
            self._environment("Compute", self._names.compute_environment, network, on_demand),
        ]

    def _environment(
        self, construct_id: str, name: str, network: NetworkStack, vcpus: int, *, spot: bool = False
    ) -> batch.FargateComputeEnvironment:
        return batch.FargateComputeEnvironment(
            self,
            construct_id,
            compute_environment_name=name,
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            security_groups=[network.jobs_group],
            maxv_cpus=vcpus,
            spot=spot,
        )

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


#: Exit codes of the commands (sysexits.h) that another attempt would only repeat: a defect (1, 70), wrong usage (2),
#: bad input, model or settings (65), a full or broken disk (74).
_FINAL_EXIT_CODES = (1, 2, 65, 70, 74)

#: There may be five rules. A job that matches none is retried (Batch user guide, "Automated job retries"), which is
#: what everything else deserves: no network interface or image in time, a Spot task that is taken away (143, or no exit
#: code at all), a kill for want of memory (137), and 75, by which a command says that it is worth another attempt.
_RETRIES = [
    batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_exit_code=str(code))) for code in _FINAL_EXIT_CODES
]

"""What the workflow of batch inference may do by itself, beside calling functions."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infra.acknowledgements import acknowledge
from infra.naming import Names
from infra.parts.stored import Stored


def let_submit_jobs(role: iam.Role, stack: cdk.Stack, job_definition: str, queue: str) -> None:
    """`batch:submitJob.sync` (Step Functions developer guide, "IAM policies for calling AWS Batch").

    Parameters
    ----------
    role
        Role of the workflow.
    stack
        Stack of the workflows.
    job_definition, queue
        ARNs; that of the definition without a revision.
    """
    role.add_to_policy(
        iam.PolicyStatement(actions=["batch:SubmitJob"], resources=[job_definition, f"{job_definition}:*", queue])
    )
    jobs = stack.format_arn(service="batch", resource="job", resource_name="*")
    role.add_to_policy(iam.PolicyStatement(actions=["batch:TerminateJob"], resources=[jobs]))
    role.add_to_policy(iam.PolicyStatement(actions=["batch:DescribeJobs"], resources=["*"]))
    acknowledge(role, f"IAM5[Resource::{jobs}]", "Batch names the jobs that it is given; a stopped run ends them.")
    acknowledge(
        role, f"IAM5[Resource::{job_definition}:*]", "Any revision of one job definition: the latest one is used."
    )
    rule = stack.format_arn(service="events", resource="rule", resource_name="StepFunctionsGetEventsForBatchJobsRule")
    role.add_to_policy(
        iam.PolicyStatement(actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"], resources=[rule])
    )


def let_map_over_shards(
    role: iam.Role, stack: cdk.Stack, names: Names, workflow: str, stored: Stored, data_key: kms.IKey
) -> None:
    """A Distributed Map: run children of itself, read the manifest, write the results of the map.

    Source: Step Functions developer guide, "IAM policies for using Distributed Map state".

    Parameters
    ----------
    role, stack
        As above.
    names
        Names of the deployment.
    workflow
        Name of the workflow.
    stored
        Where manifests and results are.
    data_key
        Their key.
    """
    machine, executions = (
        stack.format_arn(
            service="states",
            resource=resource,
            resource_name=names.state_machine(workflow),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        for resource in ("stateMachine", "execution")
    )
    children = f"{executions}/*"
    role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine]))
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["states:DescribeExecution", "states:StopExecution"], resources=[f"{executions}:*", children]
        )
    )
    role.add_to_policy(iam.PolicyStatement(actions=["states:RedriveExecution"], resources=[children]))
    manifests = stored.results.arn_for_objects("runs/*/manifest/*")
    map_results = stored.results.arn_for_objects("runs/*/map-results/*")
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[manifests]))
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
            resources=[map_results],
        )
    )
    data_key.grant_encrypt_decrypt(role)
    for pattern in (f"{executions}:*", children):
        acknowledge(role, f"IAM5[Resource::{pattern}]", "Step Functions names the children of a map when it runs.")
    for objects in (manifests, map_results):
        acknowledge(role, f"IAM5[Resource::{objects}]", "The run's id is part of the key.")

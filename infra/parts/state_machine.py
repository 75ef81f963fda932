"""A state machine of a workflow: its role, its log, a version of what it is now, and the alias that callers use."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.naming import ALIAS, Names
from infra.parts.log_group import log_group
from infra.settings import Settings


def workflow_role(stack: cdk.Stack, names: Names, workflow: str, *, on_all: str) -> iam.Role:
    """The role of a workflow, which may do nothing yet.

    Parameters
    ----------
    stack
        Stack of the workflows.
    workflow
        One of `infra.naming.WORKFLOWS`.
    on_all
        What it will be allowed on all resources and why, for the auditor.
    """
    role = iam.Role(
        stack,
        f"{workflow}-role",
        role_name=names.role(f"sfn-{workflow}"),
        assumed_by=iam.ServicePrincipal(
            "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
        ),
        description=f"Workflow {workflow}",
    )
    acknowledge(role, "IAM5[Resource::*]", on_all)
    acknowledge_grants(role)
    return role


def let_start(role: iam.Role, names: Names, workflow: str) -> iam.IRole:
    """Let a role start a workflow by the alias, and by nothing else.

    Step Functions authorizes a call with an alias on the state machine's own ARN, and the alias is a condition key
    (Step Functions developer guide, "Authorization for versions and aliases in Step Functions workflows"). The key may
    have several values, so that it takes a set operator (IAM user guide, "Single-valued vs. multivalued context keys").

    Parameters
    ----------
    role
        Who starts it.
    names
        Names of the deployment.
    workflow
        One of `infra.naming.WORKFLOWS`.

    Returns
    -------
    The role as the targets of the CDK may have it: they would add a permission on the ARN of the alias, which allows
    nothing (aws/aws-cdk#30265).
    """
    # By its name: of a reference, the CDK could not tell that it is in this account.
    machine = cdk.Stack.of(role).format_arn(
        service="states",
        resource="stateMachine",
        resource_name=names.state_machine(workflow),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["states:StartExecution"],
            resources=[machine],
            conditions={"ForAnyValue:StringEquals": {"states:StateMachineQualifier": [ALIAS]}},
        )
    )
    return role.without_policy_updates()


def let_invoke(role: iam.Role, functions: Mapping[str, lambda_.IFunction]) -> dict[str, str]:
    """Let a workflow invoke functions, and give back what its placeholders for them stand for."""
    for function in functions.values():
        function.grant_invoke_latest_version(role)
    return {f"{_pascal(name)}Function": function.function_arn for name, function in functions.items()}


def state_machine(
    stack: cdk.Stack,
    settings: Settings,
    names: Names,
    workflow: str,
    definition: str,
    role: iam.Role,
    substitutions: Mapping[str, str],
    *,
    logs_key: kms.IKey,
) -> sfn.CfnStateMachineAlias:
    """State machine, version and alias.

    Versions are kept when a newer one replaces them: an execution can be redriven, and an alias be moved back.

    Parameters
    ----------
    definition
        The ASL, with placeholders.
    substitutions
        What the placeholders stand for.
    logs_key
        Key of the log group.
    """
    logs = log_group(
        stack,
        f"{workflow}-logs",
        # Under this prefix the size of the log delivery's resource policy stays within its limit (Step Functions
        # developer guide, "Logging using CloudWatch Logs").
        f"/aws/vendedlogs/states/{names.state_machine(workflow)}",
        settings,
        logs_key,
    )
    machine = sfn.StateMachine(
        stack,
        workflow,
        state_machine_name=names.state_machine(workflow),
        definition_body=sfn.DefinitionBody.from_string(definition),
        definition_substitutions=substitutions,
        role=role,
        # Every event, but not what was in it: the history has it for 90 days, readable with the workflow's rights.
        logs=sfn.LogOptions(destination=logs, level=sfn.LogLevel.ALL, include_execution_data=False),
        tracing_enabled=True,
    )
    version = sfn.CfnStateMachineVersion(
        stack,
        f"{workflow}-version",
        state_machine_arn=machine.state_machine_arn,
        state_machine_revision_id=machine.state_machine_revision_id,
    )
    version.apply_removal_policy(cdk.RemovalPolicy.DESTROY, apply_to_update_replace_policy=False)
    version.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
    return sfn.CfnStateMachineAlias(
        stack,
        f"{workflow}-alias",
        name=ALIAS,
        description="Schedules and people start the workflow through this alias",
        routing_configuration=[
            sfn.CfnStateMachineAlias.RoutingConfigurationVersionProperty(
                state_machine_version_arn=version.attr_arn, weight=100
            )
        ],
    )


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))

"""A change of the active version by hand starts a rollback, or a step forward, to it."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.naming import ALIAS, FOLLOWED_VERSION, Names
from infra.parts.model_registry import active_version
from infra.parts.state_machine import let_start
from infra.settings import Settings


class FollowedVersion(Construct):
    """Rule of EventBridge, and the role with which it starts the workflow.

    Workflows change the parameter, too. Then the version has its traffic already, and the rollback ends at once.

    Parameters
    ----------
    scope
        Stack of the workflows.
    settings, names
        Settings and names of the deployment.
    rollback
        Alias of the workflow `model-rollback`.
    """

    def __init__(self, scope: Construct, settings: Settings, names: Names, rollback: sfn.CfnStateMachineAlias) -> None:
        super().__init__(scope, "FollowedVersion")
        # By its name: of a reference, the CDK could not tell that it is in this account.
        alias = cdk.Stack.of(self).format_arn(
            service="states",
            resource="stateMachine",
            resource_name=f"{names.state_machine('model-rollback')}:{ALIAS}",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        role = iam.Role(
            self,
            "Role",
            role_name=names.role(FOLLOWED_VERSION),
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
            ),
            description="Starts the rollback to an active version that was set by hand",
        )
        rule = events.Rule(
            self,
            "Rule",
            rule_name=names.rule(FOLLOWED_VERSION),
            description="The active version was changed or deleted",
            # AWS Systems Manager user guide, "Reference: Amazon EventBridge event patterns and types for Systems
            # Manager". The first version of all is created, not updated, when there is nothing to roll back yet. That
            # the parameter is gone is told by the failure of the rollback.
            event_pattern=events.EventPattern(
                source=["aws.ssm"],
                detail_type=["Parameter Store Change"],
                detail={"name": [active_version(settings.models_root)], "operation": ["Update", "Delete"]},
            ),
        )
        rule.add_target(
            targets.SfnStateMachine(
                sfn.StateMachine.from_state_machine_arn(self, "Rollback", alias),
                role=let_start(role, names, "model-rollback"),
                # What could not be started within an hour is no longer what anybody waits for.
                retry_attempts=20,
                max_event_age=cdk.Duration.hours(1),
            )
        )
        rule.node.add_dependency(rollback)
        acknowledge(
            rule,
            "EventBusDLQ",
            "An event that starts no rollback is counted, and an alarm watches the count; the parameter is kept.",
            pack="Serverless",
        )

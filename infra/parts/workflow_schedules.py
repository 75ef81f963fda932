"""Schedules that start workflows by themselves."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.naming import Names
from infra.parts.state_machine import let_start
from infra.settings import Settings


class WorkflowSchedules(Construct):
    """A group with a schedule for each profile of the settings, and the role that EventBridge Scheduler takes on.

    Parameters
    ----------
    scope
        Stack of the workflows.
    settings, names
        Settings and names of the deployment.
    aliases
        ARN of the alias of each workflow. What the alias points to when its time comes is what runs.
    """

    def __init__(self, scope: Construct, settings: Settings, names: Names, aliases: Mapping[str, str]) -> None:
        super().__init__(scope, "Schedules")
        group = scheduler.ScheduleGroup(
            self,
            "Group",
            schedule_group_name=names.schedule_group,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = self._role(names)
        starters = {workflow: let_start(role, names, workflow) for workflow in aliases}
        workflows = {
            workflow: sfn.StateMachine.from_state_machine_arn(self, f"{workflow}-alias", arn)
            for workflow, arn in aliases.items()
        }
        for profile, schedule in settings.schedules.items():
            made = scheduler.Schedule(
                self,
                profile,
                schedule_name=names.schedule(schedule.workflow, profile),
                description=f"Starts {schedule.workflow} on what came to {schedule.prefix}",
                schedule_group=group,
                schedule=scheduler.ScheduleExpression.expression(schedule.expression, cdk.TimeZone.ETC_UTC),
                enabled=schedule.enabled,
                target=targets.StepFunctionsStartExecution(
                    workflows[schedule.workflow],
                    role=starters[schedule.workflow],
                    input=scheduler.ScheduleTargetInput.from_object(
                        {
                            "schedule": profile,
                            "scheduledTime": scheduler.ContextAttribute.scheduled_time,
                            "input": f"s3://{names.bucket('data')}/{schedule.prefix}",
                            "latePeriods": schedule.late_periods,
                        }
                    ),
                    # Step Functions may refuse starts for a moment, not for an hour. What could not be started by then
                    # is dropped, and an alarm tells: its input is no secret and no message, it stands here.
                    retry_attempts=10,
                    max_event_age=cdk.Duration.hours(1),
                ),
            )
            # The template names the group and does not refer to it.
            made.node.add_dependency(group)

    def _role(self, names: Names) -> iam.Role:
        """It may start nothing yet."""
        stack = cdk.Stack.of(self)
        group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name=names.schedule_group)
        return iam.Role(
            self,
            "Role",
            role_name=names.role("scheduler"),
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                # EventBridge Scheduler user guide, "Confused deputy prevention": the source is the schedules' group.
                conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}},
            ),
            description="Starts workflows when it is their time",
        )

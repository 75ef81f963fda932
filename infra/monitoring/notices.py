"""Who hears of alarms and of runs that ended badly: a topic, with e-mail addresses and a Slack channel behind it."""

import aws_cdk as cdk
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.monitoring.metrics import state_machine_arn
from infra.naming import ENDED_RUNS, WORKFLOWS, Names
from infra.settings import Alarms, Slack

#: What AWS Chatbot needs to draw the chart of an alarm (AWS Chatbot administrator guide, "IAM policies"). None of it
#: can be narrowed to our metrics.
_CHART_ACTIONS = [
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:GetMetricWidgetImage",
    "cloudwatch:ListMetrics",
]


class Notices(Construct):
    """The topic of the alarms, who is subscribed to it, and the rule that watches how runs end.

    Parameters
    ----------
    stack
        Stack of the alarms.
    settings
        Who is told.
    names
        Names of the deployment.
    key
        Key of messages, which CloudWatch's alarms may use.

    Attributes
    ----------
    topic
        The topic.
    """

    def __init__(self, stack: cdk.Stack, settings: Alarms, names: Names, key: kms.IKey) -> None:
        super().__init__(stack, "Notices")
        self._stack = stack
        self._names = names
        self.topic = sns.Topic(self, "Topic", topic_name=names.alarms_topic, master_key=key, enforce_ssl=True)
        self._let_alarms_tell()
        for address in settings.emails:
            acknowledge(
                self.topic.add_subscription(subscriptions.EmailSubscription(address)),
                "SNSRedrivePolicy",
                "What a mail server refuses, it refuses again; alarms stay visible on the dashboards.",
                pack="Serverless",
            )
        if settings.slack:
            self._slack(settings.slack)
        self._ended_runs()

    def _let_alarms_tell(self) -> None:
        """The alarms of this deployment and of no other (CloudWatch user guide, "Notifying users on alarm changes")."""
        alarms = self._stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=self._names.alarm("*"),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowAlarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={
                    "ArnLike": {"aws:SourceArn": alarms},
                    "StringEquals": {"aws:SourceAccount": self._stack.account},
                },
            )
        )

    def _ended_runs(self) -> None:
        """A run that times out or is stopped runs none of its states any more, so it cannot tell by itself.

        Children of a Distributed Map are executions of another state machine ARN and stay unheard. AWS Chatbot shows
        only messages of a form that it knows; in Slack, the alarms of the same runs appear instead.
        """
        role = iam.Role(
            self,
            "EventsRole",
            role_name=self._names.role(ENDED_RUNS),
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self._stack.account}}
            ),
            description="Tells the topic of the alarms about runs that ended badly",
        )
        rule = events.Rule(
            self,
            "EndedRuns",
            rule_name=self._names.rule(ENDED_RUNS),
            description="Runs of our workflows that failed, ran out of time or were stopped",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [state_machine_arn(self._stack, self._names, w) for w in WORKFLOWS],
                },
            ),
        )
        run, status, arn = (
            events.EventField.from_path(f"$.detail.{key}") for key in ("name", "status", "executionArn")
        )
        console = f"https://{self._stack.region}.console.aws.amazon.com/states/home?region={self._stack.region}"
        rule.add_target(
            targets.SnsTopic(
                self.topic,
                # The cause is left out: it may be 32 KB of JSON, quotes and all.
                message=events.RuleTargetInput.from_text(
                    f"Run {run} ended as {status}. To run again what did not succeed: ml-pipeline replay {run} "
                    f"--target aws --environment {self._names.environment}. Why it ended: "
                    f"{console}#/v2/executions/details/{arn}"
                ),
                # A role says in one place what EventBridge may do, and only for our account: its requests to a key
                # carry no source that a key's policy could ask for (SNS developer guide, "Key management").
                authorize_using_role=True,
                role=role,
            )
        )
        acknowledge_grants(role)
        acknowledge(
            rule,
            "EventBusDLQ",
            "A message that cannot be delivered is counted, and an alarm watches the count; the run itself is kept.",
            pack="Serverless",
        )

    def _slack(self, slack: Slack) -> None:
        role = iam.Role(
            self,
            "SlackRole",
            role_name=self._names.role("chatbot"),
            assumed_by=iam.ServicePrincipal("chatbot.amazonaws.com"),
            description="Draws the charts of alarms for Slack",
        )
        role.add_to_policy(iam.PolicyStatement(actions=_CHART_ACTIONS, resources=["*"]))
        acknowledge(role, "IAM5[Resource::*]", "Reading metrics takes no narrower resource; it shows no data.")
        chatbot.SlackChannelConfiguration(
            self,
            "Slack",
            slack_channel_configuration_name=self._names.of("chatbot-alarms"),
            slack_workspace_id=slack.workspace_id,
            slack_channel_id=slack.channel_id,
            notification_topics=[self.topic],
            role=role,
            # Whatever is allowed to the role one day, people in the channel get no further than this.
            guardrail_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("CloudWatchReadOnlyAccess")],
        )

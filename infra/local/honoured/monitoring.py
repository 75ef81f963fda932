"""Metrics, alarms, and who hears of them."""

from infra.local.honoured.rules import Honoured

TYPES = {
    "AWS::CloudWatch::Alarm": Honoured(
        works=(
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "MetricName",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "TreatMissingData",
        ),
        recorded={
            "of AWS's own metrics there are those of AWS/Lambda and AWS/SageMaker; other alarms see no data": (
                "Namespace",
            )
        },
    ),
    "AWS::CloudWatch::Dashboard": Honoured(
        works=("DashboardName",),
        recorded={"there is no console that draws it": ("DashboardBody",), "`Describe` does not show them": ("Tags",)},
    ),
    "AWS::Events::Rule": Honoured(
        works=(
            "Description",
            "EventPattern",
            "Name",
            "State",
            "Tags",
            "Targets.Arn",
            "Targets.Id",
            "Targets.InputTransformer",
        ),
        recorded={
            "state machines are started as the role, all other targets called as nobody": ("Targets.RoleArn",),
            "what cannot be started is logged, not tried again": ("Targets.RetryPolicy",),
        },
    ),
    "AWS::Logs::LogGroup": Honoured(
        works=("LogGroupName", "Tags"),
        recorded={
            "bytes are not encrypted on this disk": ("KmsKeyId",),
            "logs are kept as long as the state": ("RetentionInDays",),
        },
    ),
    "AWS::SNS::Subscription": Honoured(
        works=("TopicArn",),
        recorded={"no mail leaves this machine, and none has to be confirmed": ("Endpoint", "Protocol")},
    ),
    "AWS::SNS::Topic": Honoured(
        works=("TopicName", "Tags"), recorded={"messages are not encrypted": ("KmsMasterKeyId",)}
    ),
    "AWS::SNS::TopicPolicy": Honoured(works=("PolicyDocument", "Topics")),
}

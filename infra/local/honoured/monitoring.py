"""Metrics, alarms, and who hears of them."""

from infra.local.honoured.rules import Honoured

TYPES = {
    "AWS::Logs::LogGroup": Honoured(
        works=("LogGroupName", "Tags"),
        recorded={
            "bytes are not encrypted on this disk": ("KmsKeyId",),
            "logs are kept as long as the state": ("RetentionInDays",),
        },
    ),
    "AWS::SNS::Topic": Honoured(
        works=("TopicName", "Tags"), recorded={"messages are not encrypted": ("KmsMasterKeyId",)}
    ),
    "AWS::SNS::TopicPolicy": Honoured(works=("PolicyDocument", "Topics")),
}

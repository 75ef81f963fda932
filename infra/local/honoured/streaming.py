"""Stream, its reader, and the queue of what could not be read."""

from infra.local.honoured.rules import Honoured

NOT_ENCRYPTED = "messages are not encrypted on this disk"
RETRIED_FOR_EVER = "a batch that fails, in whole or in part, is delivered again whole until it succeeds or expires"

TYPES = {
    "AWS::Kinesis::Stream": Honoured(
        works=("Name", "RetentionPeriodHours", "ShardCount", "StreamModeDetails", "Tags"),
        recorded={NOT_ENCRYPTED: ("StreamEncryption",)},
    ),
    "AWS::Lambda::EventSourceMapping": Honoured(
        works=("BatchSize", "EventSourceArn", "FunctionName", "StartingPosition", "Tags"),
        recorded={
            "a batch is delivered at once": ("MaximumBatchingWindowInSeconds",),
            RETRIED_FOR_EVER: (
                "BisectBatchOnFunctionError",
                "DestinationConfig",
                "FunctionResponseTypes",
                "MaximumRecordAgeInSeconds",
                "MaximumRetryAttempts",
            ),
        },
    ),
    "AWS::SQS::Queue": Honoured(
        works=("MessageRetentionPeriod", "QueueName", "Tags"),
        recorded={NOT_ENCRYPTED: ("KmsMasterKeyId",)},
    ),
    "AWS::SQS::QueuePolicy": Honoured(works=("PolicyDocument", "Queues")),
}

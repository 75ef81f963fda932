"""Records that are scored as they come: a Kinesis stream, how Lambda reads it, and where what it gave up is told."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.naming import Names
from infra.parts.deployed_function import deployed_function
from infra.settings import Settings
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack


class StreamingStack(cdk.Stack):
    """Stream, failure queue, and the event source mapping between the stream and the function `score-stream`.

    Who may put records is not decided here: producers get `kinesis:PutRecord` and `kinesis:PutRecords` on the stream
    and `kms:GenerateDataKey` on the data key in their own roles.
    """

    def __init__(
        self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, tasks: TasksStack, **stack: Any
    ) -> None:
        super().__init__(scope, names.stack("streaming"), **stack)
        self.add_stack_dependency(tasks, "Lambda checks the role of the function when it begins to read the stream")
        reading = settings.stream
        stream = kinesis.Stream(
            self,
            "Records",
            stream_name=names.stream,
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=reading.shards,
            retention_period=cdk.Duration.hours(reading.retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=storage.data_key,
            # A pipe, not a store: what is in it leaves within days, and its shards cost by the hour.
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        failures = sqs.Queue(
            self,
            "Failures",
            queue_name=names.stream_failures,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=storage.messages_key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(stream, "KDS3", "The key that S3 and DynamoDB use for the same records, rather than one of AWS.")
        end_of_the_line = "It is where failures end; people read it, and an alarm tells them to."
        acknowledge(failures, "SQS3", end_of_the_line)
        acknowledge(failures, "SQSRedrivePolicy", end_of_the_line, pack="Serverless")
        lambda_.EventSourceMapping(
            self,
            "Reader",
            target=deployed_function(self, names, "score-stream"),
            event_source_arn=stream.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=reading.batch_records,
            max_batching_window=cdk.Duration.seconds(reading.window_seconds),
            # The function says from where on it failed; what came before is not delivered again.
            report_batch_item_failures=True,
            # Where it could not even say that, halving finds the record, and bounds keep it from blocking the shard.
            bisect_batch_on_error=True,
            retry_attempts=reading.attempts - 1,
            max_record_age=cdk.Duration.seconds(reading.most_age_seconds),
            on_failure=event_sources.SqsDlq(failures),
        )

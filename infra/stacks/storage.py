"""Where data rests: keys, buckets, the predictions table, and the topic that tells about runs."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.naming import Names
from infra.settings import Retention, Settings

#: Kept when the stack goes; but not when its very creation fails, for what is left over would hold the names that the
#: next attempt needs.
_KEPT = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

_DAYS_UNTIL_CHEAPER = 30
_DAYS_OF_QUERIES = 30


class StorageStack(cdk.Stack):
    """Keys, buckets, table and topic. All data is retained when the stack is deleted.

    Attributes
    ----------
    data_key, logs_key, messages_key
        Keys for data (S3, DynamoDB, Kinesis), for CloudWatch Logs, and for messages (SNS, SQS).
    data, models, results
        Buckets of input files, of model artifacts, and of everything that a run writes.
    predictions
        DynamoDB table, keyed by `predictionId`; items vanish after `expirationTime`.
    runs
        SNS topic, told about the end of each run.
    """

    def __init__(self, scope: Construct, settings: Settings, names: Names, **stack: Any) -> None:
        super().__init__(scope, names.stack("storage"), **stack)
        self._names = names
        self.data_key = self._key("data", "Objects, items and records")
        self.logs_key = self._key("logs", "Log groups")
        self.messages_key = self._key("messages", "SNS and SQS messages")
        self._let_cloudwatch_logs_use(self.logs_key)
        self._let_alarms_and_events_use(self.messages_key)

        self._access_logs = self._access_log_bucket(settings.retention.logs)
        self.data = self._bucket("data", versioned=True, lifecycle=_old_versions(settings.retention))
        self.models = self._bucket("models", versioned=True, lifecycle=_old_versions(settings.retention))
        self.results = self._bucket("results", versioned=False, lifecycle=_results(settings.retention))
        self.predictions = self._predictions_table()
        self.runs = sns.Topic(self, "Runs", topic_name=names.topic, master_key=self.messages_key, enforce_ssl=True)

    def _key(self, purpose: str, what: str) -> kms.Key:
        return kms.Key(
            self,
            f"{purpose.capitalize()}Key",
            alias=self._names.key_alias(purpose).removeprefix("alias/"),
            description=f"{what} of ml-pipeline, {self._names.environment}",
            enable_key_rotation=True,
            removal_policy=_KEPT,
        )

    def _let_cloudwatch_logs_use(self, key: kms.Key) -> None:
        """The policy that CloudWatch Logs asks for (user guide, "Encrypt log data"), for our own groups alone."""
        groups = self.format_arn(
            service="logs", resource="log-group", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _let_alarms_and_events_use(self, key: kms.Key) -> None:
        """What publishers to encrypted topics need that have no role of ours: alarms, and rules of EventBridge.

        Source: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted
        topics". EventBridge fails, and says nothing, where its statement names a source account; so the topic of the
        message, to which SNS binds each data key, stands for it.
        """
        use = ["kms:GenerateDataKey*", "kms:Decrypt"]
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=use,
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        topics = [
            self.format_arn(service="sns", resource=topic) for topic in (self._names.topic, self._names.alarms_topic)
        ]
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=use,
                resources=["*"],
                conditions={"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topics}},
            )
        )

    def _access_log_bucket(self, days: int) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=self._names.bucket("access-logs"),
            # S3 delivers access logs only to buckets with S3's own keys (S3 user guide, "Enabling server access
            # logging").
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[s3.LifecycleRule(id="expire-logs", expiration=cdk.Duration.days(days))],
            removal_policy=_KEPT,
        )

    def _bucket(self, purpose: str, *, versioned: bool, lifecycle: list[s3.LifecycleRule]) -> s3.Bucket:
        abandoned_uploads = s3.LifecycleRule(
            id="abort-abandoned-uploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(7)
        )
        return s3.Bucket(
            self,
            purpose.capitalize(),
            bucket_name=self._names.bucket(purpose),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.data_key,
            # One data key per bucket instead of one per object: a hundredth of the calls to KMS.
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=versioned,
            server_access_logs_bucket=self._access_logs,
            server_access_logs_prefix=f"{purpose}/",
            lifecycle_rules=[abandoned_uploads, *lifecycle],
            removal_policy=_KEPT,
        )

    def _predictions_table(self) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            "Predictions",
            table_name=self._names.table,
            partition_key=dynamodb.Attribute(name="predictionId", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expirationTime",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.data_key,
            deletion_protection=self._names.environment == "prod",
            removal_policy=_KEPT,
        )


def _old_versions(retention: Retention) -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="expire-old-versions",
            noncurrent_version_expiration=cdk.Duration.days(retention.old_versions),
            expired_object_delete_marker=True,
        )
    ]


def _results(retention: Retention) -> list[s3.LifecycleRule]:
    """Manifests, markers and the answers of queries expire: they can be had anew.

    Predictions stay and become cheaper to keep; so do quarantined records, for those of the stream are nowhere else.
    """
    cheaper = s3.Transition(
        storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=cdk.Duration.days(_DAYS_UNTIL_CHEAPER)
    )
    return [
        s3.LifecycleRule(id="expire-runs", prefix="runs/", expiration=cdk.Duration.days(retention.runs)),
        # What runs took matters for as long as they can be run again.
        s3.LifecycleRule(id="expire-takings", prefix="schedules/", expiration=cdk.Duration.days(retention.runs)),
        s3.LifecycleRule(id="expire-queries", prefix="athena/", expiration=cdk.Duration.days(_DAYS_OF_QUERIES)),
        s3.LifecycleRule(id="tier-predictions", prefix="predictions/", transitions=[cheaper]),
        s3.LifecycleRule(id="tier-quarantine", prefix="quarantine/", transitions=[cheaper]),
    ]

import json

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from infra.aspects import ProtectionChecks

RETAIN, DESTROY = cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY


def findings(add, directory):
    """What the checks say about a stack with what `add` puts into it. The CDK command line stops at such errors."""
    app = cdk.App(outdir=str(directory))
    add(cdk.Stack(app, "stack"))
    cdk.Aspects.of(app).add(ProtectionChecks())
    app.synth()
    metadata = json.loads((directory / "stack.metadata.json").read_text())
    return [entry["data"] for entries in metadata.values() for entry in entries if entry["type"] == "aws:cdk:error"]


def encrypted(stack):
    return kms.Key(stack, "key", enable_key_rotation=True, removal_policy=RETAIN)


@pytest.mark.parametrize(
    ("add", "finding"),
    [
        (lambda s: s3.CfnBucket(s, "b").apply_removal_policy(RETAIN), "AWS::S3::Bucket: encrypt the bucket."),
        (
            lambda s: dynamodb.CfnTable(s, "t", key_schema=[]).apply_removal_policy(RETAIN),
            "AWS::DynamoDB::Table: encrypt the table with a key of ours.",
        ),
        (lambda s: sns.Topic(s, "t"), "AWS::SNS::Topic: encrypt the topic with a key of ours."),
        (lambda s: kms.Key(s, "k", removal_policy=RETAIN), "AWS::KMS::Key: rotate the key."),
        (
            lambda s: logs.LogGroup(s, "l", removal_policy=DESTROY),
            "AWS::Logs::LogGroup: encrypt the log group with the logs key.",
        ),
        (
            lambda s: logs.LogGroup(
                s, "l", encryption_key=encrypted(s), retention=logs.RetentionDays.INFINITE, removal_policy=DESTROY
            ),
            "AWS::Logs::LogGroup: give the log group a retention.",
        ),
        (
            lambda s: s3.Bucket(s, "b", encryption=s3.BucketEncryption.S3_MANAGED, removal_policy=DESTROY),
            "AWS::S3::Bucket: set its removal policy to RETAIN, for it holds data.",
        ),
        (
            lambda s: logs.LogGroup(s, "l", encryption_key=encrypted(s), removal_policy=RETAIN),
            "AWS::Logs::LogGroup: set its removal policy to DESTROY, for it holds no data.",
        ),
    ],
)
def test_a_resource_that_breaks_a_rule_stops_the_synthesis_with_what_to_do(tmp_path, add, finding):
    assert findings(add, tmp_path) == [finding]


def test_resources_that_keep_the_rules_pass(tmp_path):
    def add(stack):
        key = encrypted(stack)
        s3.Bucket(stack, "bucket", encryption_key=key, removal_policy=RETAIN)
        sns.Topic(stack, "topic", master_key=key)
        logs.LogGroup(stack, "group", encryption_key=key, retention=logs.RetentionDays.ONE_WEEK, removal_policy=DESTROY)

    assert findings(add, tmp_path) == []

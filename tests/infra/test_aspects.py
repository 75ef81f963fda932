import json

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_athena as athena
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from infra import aspects, settings
from infra.aspects import ProtectionChecks, retain

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


def stream(stack, **properties):
    return kinesis.Stream(stack, "s", removal_policy=DESTROY, **properties)


def endpoint_config(stack, instance_type="ml.c6i.large", key=None):
    variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty(
        variant_name="v", model_name="m", initial_variant_weight=1, instance_type=instance_type
    )
    return sagemaker.CfnEndpointConfig(stack, "e", production_variants=[variant], kms_key_id=key)


def api_stage(stack, *, logged=True, **settings_of_get):
    setting = apigateway.CfnStage.MethodSettingProperty(http_method="GET", resource_path="/", **settings_of_get)
    log = apigateway.CfnStage.AccessLogSettingProperty(destination_arn="arn", format="{}")
    return apigateway.CfnStage(
        stack, "stage", rest_api_id="a", method_settings=[setting], access_log_setting=log if logged else None
    )


def workgroup(stack, *, encryption=True, enforced=True):
    how = athena.CfnWorkGroup.EncryptionConfigurationProperty(encryption_option="SSE_KMS", kms_key="key")
    results = athena.CfnWorkGroup.ResultConfigurationProperty(encryption_configuration=how if encryption else None)
    return athena.CfnWorkGroup(
        stack,
        "w",
        name="w",
        work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
            result_configuration=results, enforce_work_group_configuration=enforced
        ),
    )


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
        (
            lambda s: stream(s, encryption=kinesis.StreamEncryption.UNENCRYPTED),
            "AWS::Kinesis::Stream: encrypt the stream with a key of ours.",
        ),
        (
            lambda s: stream(s, encryption=kinesis.StreamEncryption.MANAGED),
            "AWS::Kinesis::Stream: encrypt the stream with a key of ours.",
        ),
        (
            lambda s: kinesis.Stream(s, "s", encryption_key=encrypted(s), removal_policy=RETAIN),
            "AWS::Kinesis::Stream: set its removal policy to DESTROY, for it holds no data.",
        ),
        (lambda s: sqs.Queue(s, "q"), "AWS::SQS::Queue: encrypt the queue with a key of ours."),
        (lambda s: api_stage(s, logged=False), "AWS::ApiGateway::Stage: log who calls it."),
        (lambda s: api_stage(s, caching_enabled=True), "AWS::ApiGateway::Stage: encrypt what is cached."),
        (
            endpoint_config,
            "AWS::SageMaker::EndpointConfig: encrypt the instances' volumes with a key of ours.",
        ),
        (lambda s: workgroup(s, encryption=False), "AWS::Athena::WorkGroup: encrypt the results of queries."),
        (lambda s: workgroup(s, enforced=False), "AWS::Athena::WorkGroup: enforce the configuration."),
        (
            lambda s: glue.CfnCrawler(s, "c", role="r", targets=glue.CfnCrawler.TargetsProperty()),
            "AWS::Glue::Crawler: encrypt the crawler's log with a security configuration.",
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
        sqs.Queue(stack, "queue", encryption_master_key=key)
        stream(stack, encryption_key=key)
        logs.LogGroup(stack, "group", encryption_key=key, retention=logs.RetentionDays.ONE_WEEK, removal_policy=DESTROY)
        api_stage(stack, caching_enabled=True, cache_data_encrypted=True)
        endpoint_config(stack, key=key.key_arn)
        workgroup(stack)

    assert findings(add, tmp_path) == []


def test_instances_that_encrypt_their_own_disks_need_no_key(tmp_path):
    assert findings(lambda stack: endpoint_config(stack, "ml.g5.xlarge"), tmp_path) == []


def test_what_others_would_miss_is_kept_and_the_reason_is_in_the_metadata(tmp_path):
    def add(stack):
        retain(apigateway.CfnAccount(stack, "account"), "other APIs log with it")

    assert findings(add, tmp_path) == []
    template = json.loads((tmp_path / "stack.template.json").read_text())
    assert template["Resources"]["account"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert "other APIs log with it" in (tmp_path / "stack.metadata.json").read_text()


def test_tags_that_may_change_stay_away_from_what_a_change_of_tags_would_deploy_anew(tmp_path, context):
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "stack")
    sns.CfnTopic(stack, "topic", kms_master_key_id="key")
    sagemaker.CfnEndpoint(stack, "endpoint", endpoint_config_name="config")
    aspects.apply(app, settings.load(context, {}))
    app.synth()

    resources = json.loads((tmp_path / "stack.template.json").read_text())["Resources"]
    tags = {name: {tag["Key"] for tag in body["Properties"]["Tags"]} for name, body in resources.items()}

    assert tags["endpoint"] == {"Project", "Environment"}
    assert tags["topic"] == {"Project", "Environment", "CostCenter", "Owner"}

"""Rules that hold for every resource of the app, now and later.

Cost tags are put on; encryption, the retention of logs and removal policies are checked. A resource that breaks a
rule stops the synthesis with its path and what to do, so that a new one cannot escape.
"""

from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import jsii
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
from constructs import IConstruct

from infra.settings import Settings
from infra.stacks.models import takes_volume_key

#: Types that hold data, and the keys to it: they outlive their stack. Everything else goes with it.
RETAINED_TYPES = frozenset({"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"})

#: Types whose tags never change after the first deployment. CloudFormation carries a new tag to these by updating the
#: resource itself, with all else that the template says about it; but which model is served is decided by the
#: workflows after the first deployment, and a deployment must not decide it anew.
FIXED_TAGS_TYPES = frozenset({"AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint"})

_RETAINED = "ml-pipeline:retained"


def apply(app: cdk.App, settings: Settings) -> None:
    """Put the tags and the checks on a whole app."""
    tags = cdk.Tags.of(app)
    for name, value in {"Project": "ml-pipeline", "Environment": settings.environment}.items():
        tags.add(name, value)
    for name, value in settings.tags.items():
        tags.add(name, value, exclude_resource_types=sorted(FIXED_TAGS_TYPES))
    cdk.Aspects.of(app).add(ProtectionChecks())


def retain(construct: IConstruct, reason: str) -> None:
    """Let a resource outlive its stack though it holds no data.

    Parameters
    ----------
    construct
        The resource, or what it is the default child of.
    reason
        Who would miss it, for the reader of the code and of the construct tree's metadata.
    """
    resource = construct if isinstance(construct, cdk.CfnResource) else construct.node.default_child
    assert isinstance(resource, cdk.CfnResource)  # noqa: S101 - what is kept is a resource, not a group of them
    resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    resource.node.add_metadata(_RETAINED, reason)


@jsii.implements(cdk.IAspect)
class ProtectionChecks:
    """Refuses resources that are unencrypted, keep logs for ever, or have the wrong removal policy."""

    def visit(self, node: IConstruct) -> None:
        """Check one construct. Adds an error to it, which stops the synthesis."""
        if not isinstance(node, cdk.CfnResource):
            return
        for kind, check in _CHECKS.items():
            if isinstance(node, kind) and (finding := check(node)):
                _refuse(node, finding)
        retained = node.cfn_options.deletion_policy in (
            cdk.CfnDeletionPolicy.RETAIN,
            cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE,
        )
        excepted = any(entry.type == _RETAINED for entry in node.node.metadata)
        if retained != (node.cfn_resource_type in RETAINED_TYPES or excepted):
            wanted = "DESTROY, for it holds no data" if retained else "RETAIN, for it holds data"
            _refuse(node, f"set its removal policy to {wanted}")


def _refuse(node: cdk.CfnResource, what_to_do: str) -> None:
    cdk.Annotations.of(node).add_error(f"{node.cfn_resource_type}: {what_to_do}.")


def _bucket(bucket: s3.CfnBucket) -> str | None:
    return None if bucket.bucket_encryption else "encrypt the bucket"


def _table(table: dynamodb.CfnTable) -> str | None:
    return None if table.sse_specification else "encrypt the table with a key of ours"


def _stream(stream: kinesis.CfnStream) -> str | None:
    encryption: Any = stream.stream_encryption
    ours = encryption and "alias/aws/" not in str(encryption.key_id)
    return None if ours else "encrypt the stream with a key of ours"


def _topic(topic: sns.CfnTopic) -> str | None:
    return None if topic.kms_master_key_id else "encrypt the topic with a key of ours"


def _queue(queue: sqs.CfnQueue) -> str | None:
    return None if queue.kms_master_key_id else "encrypt the queue with a key of ours"


def _key(key: kms.CfnKey) -> str | None:
    return None if key.enable_key_rotation else "rotate the key"


def _log_group(group: logs.CfnLogGroup) -> str | None:
    if not group.kms_key_id:
        return "encrypt the log group with the logs key"
    return None if group.retention_in_days else "give the log group a retention"


def _api_stage(stage: apigateway.CfnStage) -> str | None:
    if not stage.access_log_setting:
        return "log who calls it"
    settings: Any = stage.method_settings or []
    plain = any(setting.caching_enabled and not setting.cache_data_encrypted for setting in settings)
    return "encrypt what is cached" if plain else None


def _endpoint_config(config: sagemaker.CfnEndpointConfig) -> str | None:
    variants: Any = config.production_variants
    encrypted = config.kms_key_id or not any(takes_volume_key(variant.instance_type) for variant in variants)
    return None if encrypted else "encrypt the instances' volumes with a key of ours"


def _workgroup(group: athena.CfnWorkGroup) -> str | None:
    configuration: Any = group.work_group_configuration
    results = configuration and configuration.result_configuration
    if not results or not results.encryption_configuration:
        return "encrypt the results of queries"
    # Else each query may name a place of its own, without encryption.
    return "enforce the configuration" if configuration.enforce_work_group_configuration is False else None


def _crawler(crawler: glue.CfnCrawler) -> str | None:
    return None if crawler.crawler_security_configuration else "encrypt the crawler's log with a security configuration"


_CHECKS: Mapping[type[cdk.CfnResource], Callable[[Any], str | None]] = {
    s3.CfnBucket: _bucket,
    dynamodb.CfnTable: _table,
    kinesis.CfnStream: _stream,
    sns.CfnTopic: _topic,
    sqs.CfnQueue: _queue,
    kms.CfnKey: _key,
    logs.CfnLogGroup: _log_group,
    apigateway.CfnStage: _api_stage,
    sagemaker.CfnEndpointConfig: _endpoint_config,
    athena.CfnWorkGroup: _workgroup,
    glue.CfnCrawler: _crawler,
}

"""Rules that hold for every resource of the app, now and later.

Cost tags are put on; encryption, the retention of logs and removal policies are checked. A resource that breaks a
rule stops the synthesis with its path and what to do, so that a new one cannot escape.
"""

from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import IConstruct

from infra.settings import Settings

#: Types that hold data, and the keys to it: they outlive their stack. Everything else goes with it.
RETAINED_TYPES = frozenset({"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"})


def apply(app: cdk.App, settings: Settings) -> None:
    """Put the tags and the checks on a whole app."""
    for name, value in {"Project": "ml-pipeline", "Environment": settings.environment, **settings.tags}.items():
        cdk.Tags.of(app).add(name, value)
    cdk.Aspects.of(app).add(ProtectionChecks())


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
        if retained != (node.cfn_resource_type in RETAINED_TYPES):
            wanted = "DESTROY, for it holds no data" if retained else "RETAIN, for it holds data"
            _refuse(node, f"set its removal policy to {wanted}")


def _refuse(node: cdk.CfnResource, what_to_do: str) -> None:
    cdk.Annotations.of(node).add_error(f"{node.cfn_resource_type}: {what_to_do}.")


def _bucket(bucket: s3.CfnBucket) -> str | None:
    return None if bucket.bucket_encryption else "encrypt the bucket"


def _table(table: dynamodb.CfnTable) -> str | None:
    return None if table.sse_specification else "encrypt the table with a key of ours"


def _topic(topic: sns.CfnTopic) -> str | None:
    return None if topic.kms_master_key_id else "encrypt the topic with a key of ours"


def _key(key: kms.CfnKey) -> str | None:
    return None if key.enable_key_rotation else "rotate the key"


def _log_group(group: logs.CfnLogGroup) -> str | None:
    if not group.kms_key_id:
        return "encrypt the log group with the logs key"
    return None if group.retention_in_days else "give the log group a retention"


_CHECKS: Mapping[type[cdk.CfnResource], Callable[[Any], str | None]] = {
    s3.CfnBucket: _bucket,
    dynamodb.CfnTable: _table,
    sns.CfnTopic: _topic,
    kms.CfnKey: _key,
    logs.CfnLogGroup: _log_group,
}

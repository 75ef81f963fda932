"""Log groups: all encrypted, all with an end."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.settings import LOG_RETENTIONS, Settings

_RETENTION = dict(
    zip(
        LOG_RETENTIONS,
        (
            logs.RetentionDays.ONE_DAY,
            logs.RetentionDays.THREE_DAYS,
            logs.RetentionDays.FIVE_DAYS,
            logs.RetentionDays.ONE_WEEK,
            logs.RetentionDays.TWO_WEEKS,
            logs.RetentionDays.ONE_MONTH,
            logs.RetentionDays.TWO_MONTHS,
            logs.RetentionDays.THREE_MONTHS,
            logs.RetentionDays.FOUR_MONTHS,
            logs.RetentionDays.FIVE_MONTHS,
            logs.RetentionDays.SIX_MONTHS,
            logs.RetentionDays.ONE_YEAR,
        ),
        strict=True,
    )
)


def log_group(scope: Construct, construct_id: str, name: str, settings: Settings, key: kms.IKey) -> logs.LogGroup:
    """A log group with the environment's retention, encrypted, deleted with its stack.

    Parameters
    ----------
    scope, construct_id
        Where it stands in the construct tree.
    name
        Name of the log group.
    settings
        Settings of the deployment, for the retention.
    key
        Key that CloudWatch Logs may use.
    """
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_RETENTION[settings.retention.logs],
        encryption_key=key,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )

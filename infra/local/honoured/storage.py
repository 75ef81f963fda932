"""Buckets, table, parameters, repositories."""

from infra.local.honoured.rules import Honoured

NOT_ENCRYPTED = "bytes are not encrypted on this disk"

TYPES = {
    "AWS::DynamoDB::Table": Honoured(
        works=(
            "AttributeDefinitions",
            "DeletionProtectionEnabled",
            "KeySchema",
            "TableName",
            "Tags",
            "TimeToLiveSpecification",
        ),
        recorded={
            "nothing is throttled or billed": ("BillingMode",),
            "no backups are taken": ("PointInTimeRecoverySpecification",),
            NOT_ENCRYPTED: ("SSESpecification",),
        },
    ),
    "AWS::ECR::Repository": Honoured(
        works=("ImageTagMutability", "RepositoryName", "RepositoryPolicyText"),
        recorded={"images are identified, not stored": ("LifecyclePolicy",)},
    ),
    "AWS::S3::Bucket": Honoured(
        works=(
            "AccessControl",
            "BucketName",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        ),
        recorded={
            NOT_ENCRYPTED: ("BucketEncryption",),
            "nothing expires or moves to another storage class": ("LifecycleConfiguration",),
            "no access logs are delivered": ("LoggingConfiguration",),
            "every object belongs to the account anyway": ("OwnershipControls",),
        },
    ),
    "AWS::S3::BucketPolicy": Honoured(works=("Bucket", "PolicyDocument")),
    "AWS::SSM::Parameter": Honoured(works=("Name", "Type", "Value")),
}

"""``AWS::S3::Bucket``: what the emulator's CloudFormation drops (encryption, lifecycle, ownership, tags, logs)."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest
from infra.local.resource_types.values import boolean, integer, present


class Buckets:
    """Carries the dropped properties through S3's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def provision(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the bucket, then set what it left out."""
        made = emulators(request)
        s3 = self._clients.root("s3", request.account, request.region)
        bucket = {"Bucket": made.physical_id}
        wanted, before = request.properties, request.previous
        if "BucketEncryption" in wanted:
            s3.put_bucket_encryption(
                **bucket, ServerSideEncryptionConfiguration=_encryption(wanted["BucketEncryption"])
            )
        elif "BucketEncryption" in before:
            s3.delete_bucket_encryption(**bucket)
        if "LifecycleConfiguration" in wanted:
            s3.put_bucket_lifecycle_configuration(
                **bucket, LifecycleConfiguration=_lifecycle(wanted["LifecycleConfiguration"])
            )
        elif "LifecycleConfiguration" in before:
            s3.delete_bucket_lifecycle(**bucket)
        if "OwnershipControls" in wanted:
            s3.put_bucket_ownership_controls(**bucket, OwnershipControls=wanted["OwnershipControls"])
        if "Tags" in wanted:
            s3.put_bucket_tagging(**bucket, Tagging={"TagSet": wanted["Tags"]})
        elif "Tags" in before:
            s3.delete_bucket_tagging(**bucket)
        if "LoggingConfiguration" in wanted or "LoggingConfiguration" in before:
            s3.put_bucket_logging(
                **bucket, BucketLoggingStatus=_logging(wanted.get("LoggingConfiguration"), made.physical_id)
            )
        return made


def _encryption(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Rules": [
            present(
                ApplyServerSideEncryptionByDefault=rule.get("ServerSideEncryptionByDefault"),
                BucketKeyEnabled=boolean(rule["BucketKeyEnabled"]) if "BucketKeyEnabled" in rule else None,
            )
            for rule in configuration["ServerSideEncryptionConfiguration"]
        ]
    }


def _lifecycle(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(rule, number) for number, rule in enumerate(configuration["Rules"])]}


def _lifecycle_rule(rule: Mapping[str, Any], number: int) -> dict[str, Any]:
    expiration = present(
        Days=integer(rule["ExpirationInDays"]) if "ExpirationInDays" in rule else None,
        Date=rule.get("ExpirationDate"),
        ExpiredObjectDeleteMarker=(
            boolean(rule["ExpiredObjectDeleteMarker"]) if "ExpiredObjectDeleteMarker" in rule else None
        ),
    )
    noncurrent = rule.get("NoncurrentVersionExpiration") or (
        {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
        if "NoncurrentVersionExpirationInDays" in rule
        else None
    )
    abort = rule.get("AbortIncompleteMultipartUpload")
    transitions = [
        present(
            Days=integer(transition["TransitionInDays"]) if "TransitionInDays" in transition else None,
            Date=transition.get("TransitionDate"),
            StorageClass=transition["StorageClass"],
        )
        for transition in rule.get("Transitions", [])
    ]
    noncurrent_transitions = [
        present(
            NoncurrentDays=integer(transition["TransitionInDays"]),
            NewerNoncurrentVersions=_optional_integer(transition.get("NewerNoncurrentVersions")),
            StorageClass=transition["StorageClass"],
        )
        for transition in rule.get("NoncurrentVersionTransitions", [])
    ]
    return present(
        ID=rule.get("Id", f"rule-{number}"),
        Status=rule["Status"],
        Filter=_filter(rule),
        Expiration=expiration or None,
        NoncurrentVersionExpiration=(
            {name: integer(value) for name, value in noncurrent.items()} if noncurrent else None
        ),
        AbortIncompleteMultipartUpload=(
            {"DaysAfterInitiation": integer(abort["DaysAfterInitiation"])} if abort else None
        ),
        Transitions=transitions or None,
        NoncurrentVersionTransitions=noncurrent_transitions or None,
    )


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    conditions = present(
        Prefix=rule.get("Prefix"),
        Tags=rule.get("TagFilters") or None,
        ObjectSizeGreaterThan=_optional_integer(rule.get("ObjectSizeGreaterThan")),
        ObjectSizeLessThan=_optional_integer(rule.get("ObjectSizeLessThan")),
    )
    if not conditions:
        return {"Prefix": ""}
    return {"And": conditions} if len(conditions) > 1 or "Tags" in conditions else conditions


def _optional_integer(value: Any) -> int | None:
    return None if value is None else integer(value)


def _logging(configuration: Mapping[str, Any] | None, bucket: str) -> dict[str, Any]:
    if not configuration:
        return {}
    return {
        "LoggingEnabled": {
            "TargetBucket": configuration.get("DestinationBucketName", bucket),
            "TargetPrefix": configuration.get("LogFilePrefix", ""),
        }
    }

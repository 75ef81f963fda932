"""Deletes the data that stacks leave behind, by the names that `infra.naming` makes and by nothing else."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.target import Target

KEY_PURPOSES = ("data", "logs", "messages")

#: KMS keeps a key that is scheduled for deletion at least so long; until then it can be saved (KMS developer guide).
DAYS_UNTIL_KEYS_GO = 7

# The logs of the others go to the last one.
_BUCKETS = ("data", "models", "results", "access-logs")
_AT_ONCE = 1_000  # S3, DeleteObjects
_PARAMETERS_AT_ONCE = 10  # SSM, DeleteParameters
_ATTEMPTS = 5


class Removal:
    """The data of one deployment, and its end. What is not there, or gone already, is passed over.

    Parameters
    ----------
    target
        Where it is.
    models_root
        Where the registry of models begins in the Parameter Store.
    tell
        Called with each thing that was deleted: what it is, and its name.
    """

    def __init__(self, target: Target, models_root: str, tell: Callable[[str, str], None]) -> None:
        self._target = target
        self._names = target.names
        self._root = models_root
        self._tell = tell

    def before_the_stack(self) -> None:
        """Delete what the keys encrypt, and then, while the stack's aliases still name them, the keys."""
        self._delete_registrations()
        for purpose in _BUCKETS:
            bucket = self._names.bucket(purpose)
            if self._has(bucket):
                self._empty(bucket)
        self._delete_table()
        for purpose in KEY_PURPOSES:
            self._schedule_key(self._names.key_alias(purpose))

    def after_the_stack(self) -> None:
        """Delete the buckets, whose policies and settings belonged to the stack."""
        for purpose in _BUCKETS:
            bucket = self._names.bucket(purpose)
            if self._has(bucket):
                self._delete_bucket(bucket)
                self._tell("bucket", bucket)

    def what_is_there(self) -> list[tuple[str, str]]:
        """List the data that is there: what each thing is, and its name."""
        found = [("bucket", self._names.bucket(p)) for p in _BUCKETS if self._has(self._names.bucket(p))]
        if self._table() is not None:
            found.append(("table", self._names.table))
        found += [("key", alias) for alias in map(self._names.key_alias, KEY_PURPOSES) if self._key(alias)]
        return found + [("parameter", name) for name in self._registrations()]

    def _registrations(self) -> list[str]:
        """Parameters of the versions whose artifact is in our bucket, and of the active version if it is one of them.

        Environments of one account may share a registry; the versions of the others are not ours.
        """
        ssm = self._target.client("ssm")
        pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=self._root, Recursive=True)
        parameters = {each["Name"]: each["Value"] for page in pages for each in page["Parameters"]}
        ours = f"s3://{self._names.bucket('models')}/"
        metadata = [name for name, value in parameters.items() if _artifact(value).startswith(ours)]
        versions = {name.split("/")[-2] for name in metadata}
        active = f"{self._root}/active-version"
        return sorted(metadata) + ([active] if parameters.get(active) in versions else [])

    def _delete_registrations(self) -> None:
        ssm, names = self._target.client("ssm"), self._registrations()
        for start in range(0, len(names), _PARAMETERS_AT_ONCE):
            ssm.delete_parameters(Names=names[start : start + _PARAMETERS_AT_ONCE])
        for name in names:
            self._tell("parameter", name)

    def _has(self, bucket: str) -> bool:
        s3 = self._target.client("s3")
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=self._target.account)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
                return False
            raise CommandError(f"The bucket {bucket} cannot be looked at: {error}") from error
        return True

    def _empty(self, bucket: str) -> None:
        s3 = self._target.client("s3")
        for batch in _batches(s3, bucket):
            refused = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True}).get("Errors", ())
            if refused:
                first = refused[0]
                raise CommandError(f"{first['Key']} in {bucket} cannot be deleted: {first.get('Message')}")

    def _delete_bucket(self, bucket: str) -> None:
        s3 = self._target.client("s3")
        for attempt in range(1, _ATTEMPTS + 1):
            self._empty(bucket)
            try:
                s3.delete_bucket(Bucket=bucket)
            except s3.exceptions.ClientError as error:
                # S3 delivers access logs late, and a listing may lag behind.
                if error.response["Error"]["Code"] != "BucketNotEmpty" or attempt == _ATTEMPTS:
                    raise
                time.sleep(attempt)
            else:
                return

    def _table(self) -> dict[str, Any] | None:
        dynamodb = self._target.client("dynamodb")
        try:
            table: dict[str, Any] = dynamodb.describe_table(TableName=self._names.table)["Table"]
        except dynamodb.exceptions.ResourceNotFoundException:
            return None
        return table

    def _delete_table(self) -> None:
        table = self._table()
        if table is None:
            return
        dynamodb, name = self._target.client("dynamodb"), self._names.table
        if table["TableStatus"] != "DELETING":
            if table.get("DeletionProtectionEnabled"):
                dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
                dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.delete_table(TableName=name)
        dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": self._pause})
        self._tell("table", name)

    @property
    def _pause(self) -> int:
        return 1 if self._target.is_local else 10

    def _key(self, alias: str) -> str | None:
        """Id of the key behind an alias; None if there is no such alias, or the key is going already."""
        kms = self._target.client("kms")
        try:
            key = kms.describe_key(KeyId=alias)["KeyMetadata"]
        except kms.exceptions.NotFoundException:
            return None
        return None if key["KeyState"] == "PendingDeletion" else str(key["KeyId"])

    def _schedule_key(self, alias: str) -> None:
        key = self._key(alias)
        if key is not None:
            kms = self._target.client("kms")
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=DAYS_UNTIL_KEYS_GO)
            self._tell(f"key, in {DAYS_UNTIL_KEYS_GO} days", f"{alias} ({key})")


def _batches(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """All versions and delete markers of a bucket, as DeleteObjects takes them."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, MaxKeys=_AT_ONCE):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _artifact(metadata: str) -> str:
    try:
        document = json.loads(metadata)
    except ValueError:
        return ""
    return str(document.get("artifact", "")) if isinstance(document, dict) else ""

"""The storage stack as the other stacks see it."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.naming import Names
from infra.stacks.storage import StorageStack


class Stored(Construct):
    """Buckets and table by their names, for the policies of another stack.

    The names are known, so the ARNs in the policies are literal: a reviewer can read them, cdk-nag's findings can be
    answered one by one, and no export ties the stacks together. The keys' ARNs are not known and stay references.

    Parameters
    ----------
    stack
        Stack that uses what is stored; it is deployed after the storage stack.
    names
        Names of the deployment.
    storage
        The storage stack.

    Attributes
    ----------
    data, models, results
        The buckets.
    predictions
        The table.
    """

    def __init__(self, stack: cdk.Stack, names: Names, storage: StorageStack) -> None:
        super().__init__(stack, "Stored")
        stack.add_stack_dependency(storage, "its policies name what storage holds")
        self._data_key = storage.data_key
        self.data, self.models, self.results = (
            s3.Bucket.from_bucket_attributes(
                self, purpose, bucket_name=names.bucket(purpose), encryption_key=storage.data_key
            )
            for purpose in ("data", "models", "results")
        )
        self.predictions = dynamodb.Table.from_table_attributes(
            self, "predictions", table_name=names.table, encryption_key=storage.data_key
        )

    def let_read(self, role: iam.IRole, bucket: s3.IBucket, prefix: str = "") -> None:
        """Let a role list a bucket and read the objects under a prefix."""
        bucket.grant_read(role, f"{prefix}*")
        self._explain(role, bucket, prefix)

    def let_write(self, role: iam.IRole, bucket: s3.IBucket, prefix: str = "") -> None:
        """Let a role create and overwrite the objects under a prefix, but delete none."""
        bucket.grant_put(role, f"{prefix}*")
        self._explain(role, bucket, prefix)

    def let_add_predictions(self, role: iam.IRole) -> None:
        """Let a role put items into the table, but read and delete none.

        DynamoDB uses the table's key with the rights of whoever calls it (KMS developer guide, "How Amazon DynamoDB
        uses AWS KMS").
        """
        self.predictions.grant(role, "dynamodb:BatchWriteItem", "dynamodb:PutItem")
        self._data_key.grant_encrypt_decrypt(role)

    def let_look_up_predictions(self, role: iam.IRole) -> None:
        """Let a role get items of the table by their keys, and write none."""
        self.predictions.grant(role, "dynamodb:BatchGetItem")
        self._data_key.grant_decrypt(role)

    def let_delete(self, role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
        """Let a role delete the objects under a prefix."""
        bucket.grant_delete(role, f"{prefix}*")
        self._explain(role, bucket, prefix)

    @staticmethod
    def _explain(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
        objects = bucket.arn_for_objects(f"{prefix}*")
        acknowledge(role, f"IAM5[Resource::{objects}]", "The objects' keys are made at run time, under this prefix.")

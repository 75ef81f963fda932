"""The catalog and how it is asked: a Glue database, the crawler that finds new partitions, and an Athena workgroup."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge, acknowledge_grants
from infra.naming import Names
from infra.parts.stored import Stored
from infra.settings import Settings
from infra.stacks.storage import StorageStack


class AnalyticsStack(cdk.Stack):
    """Database, crawler, the crawler's role, and the workgroup."""

    def __init__(self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, **stack: Any) -> None:
        super().__init__(scope, names.stack("analytics"), **stack)
        self._names = names
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=names.database, description="Predictions of batch runs, partitioned by day and run"
            ),
        )
        encrypted_logs = glue.CfnSecurityConfiguration(
            self,
            "EncryptedLogs",
            name=names.of("glue-encryption"),
            encryption_configuration=glue.CfnSecurityConfiguration.EncryptionConfigurationProperty(
                cloud_watch_encryption=glue.CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=storage.logs_key.key_arn
                )
            ),
        )
        crawler = glue.CfnCrawler(
            self,
            "Crawler",
            name=names.crawler,
            role=self._crawler_role(storage).role_arn,
            database_name=names.database,
            crawler_security_configuration=names.of("glue-encryption"),
            targets=glue.CfnCrawler.TargetsProperty(
                s3_targets=[glue.CfnCrawler.S3TargetProperty(path=f"s3://{names.bucket('results')}/predictions/")]
            ),
            # Only folders that were not there at the last crawl are read: the cost of a crawl does not grow with the
            # table. The schema is ours and fixed, so changes are logged and not applied, as this policy demands.
            recrawl_policy=glue.CfnCrawler.RecrawlPolicyProperty(recrawl_behavior="CRAWL_NEW_FOLDERS_ONLY"),
            schema_change_policy=glue.CfnCrawler.SchemaChangePolicyProperty(
                update_behavior="LOG", delete_behavior="LOG"
            ),
            configuration=json.dumps(
                {
                    "Version": 1.0,
                    # Glue makes an index unless told not to, which needs more rights; a partition for each run is few.
                    "CreatePartitionIndex": False,
                    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
                    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
                }
            ),
        )
        crawler.add_resource_dependency(database)
        crawler.add_resource_dependency(encrypted_logs)
        self._workgroup(settings.athena_scan_gb, storage)

    def _workgroup(self, scan_gb: int, storage: StorageStack) -> None:
        """Where data scientists ask: what a query costs has an end, and its result is encrypted, whoever asks."""
        athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=self._names.workgroup,
            description="Queries over predictions; results under athena/ in the results bucket",
            # Else a query that somebody saved would stop the deletion of the stack.
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                # Clients bring settings of their own otherwise, and with them another place and no encryption.
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_gb * 10**9,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self._names.bucket('results')}/athena/",
                    # A bucket of the same name in another account, should ours be gone, gets no results.
                    expected_bucket_owner=self.account,
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=storage.data_key.key_arn
                    ),
                ),
            ),
        )

    def _crawler_role(self, storage: StorageStack) -> iam.Role:
        """Less than the managed AWSGlueServiceRole: one prefix, one database, the crawlers' log group."""
        role = iam.Role(
            self,
            "CrawlerRole",
            role_name=self._names.role("glue-crawler"),
            assumed_by=iam.ServicePrincipal(
                "glue.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description="Catalogs the predictions",
        )
        stored = Stored(self, self._names, storage)
        stored.let_read(role, stored.results, "predictions/")
        tables = [
            self.format_arn(service="glue", resource="catalog"),
            self.format_arn(service="glue", resource="database", resource_name=self._names.database),
            self.format_arn(service="glue", resource="table", resource_name=f"{self._names.database}/*"),
        ]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "glue:GetDatabase",
                    "glue:GetTable",
                    "glue:GetTables",
                    "glue:CreateTable",
                    "glue:UpdateTable",
                    "glue:GetPartition",
                    "glue:GetPartitions",
                    "glue:BatchGetPartition",
                    "glue:BatchCreatePartition",
                    "glue:CreatePartition",
                    "glue:UpdatePartition",
                ],
                resources=tables,
            )
        )
        # With a security configuration, crawlers log to a group with its name (Glue developer guide,
        # "Setting up encryption in AWS Glue"), and associate the key with it themselves.
        groups = self.format_arn(
            service="logs",
            resource="log-group",
            resource_name="/aws-glue/crawlers*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"],
                resources=[groups],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:GetSecurityConfiguration"],
                resources=["*"],
            )
        )
        acknowledge(
            role, f"IAM5[Resource::{tables[-1]}]", "The crawler names the tables that it finds, in this database."
        )
        acknowledge(role, f"IAM5[Resource::{groups}]", "Glue makes up the rest of the log group's name.")
        acknowledge(role, "IAM5[Resource::*]", "glue:GetSecurityConfiguration takes no narrower resource.")
        acknowledge_grants(role)
        return role

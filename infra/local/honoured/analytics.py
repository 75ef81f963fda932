"""Glue and Athena."""

from infra.local.honoured.rules import Honoured

TYPES = {
    "AWS::Athena::WorkGroup": Honoured(
        works=(
            "Description",
            "Name",
            "RecursiveDeleteOption",
            "Tags",
            "WorkGroupConfiguration.ResultConfiguration.OutputLocation",
        ),
        recorded={
            "queries run on DuckDB, without limits or metrics": (
                "WorkGroupConfiguration.BytesScannedCutoffPerQuery",
                "WorkGroupConfiguration.EngineVersion",
                "WorkGroupConfiguration.PublishCloudWatchMetricsEnabled",
            ),
            "a query may name another place": ("WorkGroupConfiguration.EnforceWorkGroupConfiguration",),
            "bytes are not encrypted on this disk": (
                "WorkGroupConfiguration.ResultConfiguration.EncryptionConfiguration",
            ),
            "every bucket belongs to the account anyway": (
                "WorkGroupConfiguration.ResultConfiguration.ExpectedBucketOwner",
            ),
        },
    ),
    "AWS::Glue::Crawler": Honoured(
        works=("DatabaseName", "Name", "Role", "Tags", "Targets.S3Targets"),
        recorded={
            "each crawl looks at everything": ("RecrawlPolicy",),
            "bytes are not encrypted on this disk": ("CrawlerSecurityConfiguration",),
            "Parquet below Hive-style folders is all that it looks for": ("Configuration", "SchemaChangePolicy"),
        },
    ),
    "AWS::Glue::Database": Honoured(works=("CatalogId", "DatabaseInput")),
    "AWS::Glue::SecurityConfiguration": Honoured(
        works=("Name",), recorded={"bytes are not encrypted on this disk": ("EncryptionConfiguration",)}
    ),
}

import json

from tests.infra.assembly import ACCOUNT, NAMES


def test_the_crawler_reads_the_predictions_and_catalogs_them_in_our_database(assembly):
    crawler = assembly.one("AWS::Glue::Crawler", Name=NAMES.crawler).properties
    database = assembly.one("AWS::Glue::Database").properties["DatabaseInput"]

    assert crawler["Targets"] == {"S3Targets": [{"Path": f"s3://{NAMES.bucket('results')}/predictions/"}]}
    assert crawler["DatabaseName"] == database["Name"] == NAMES.database


def test_a_crawl_reads_only_new_folders_under_the_policies_that_glue_demands_for_it(assembly):
    crawler = assembly.one("AWS::Glue::Crawler").properties

    assert crawler["RecrawlPolicy"] == {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}
    assert crawler["SchemaChangePolicy"] == {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}


def test_all_runs_become_partitions_of_one_table(assembly):
    configuration = json.loads(assembly.one("AWS::Glue::Crawler").properties["Configuration"])

    assert configuration["Grouping"] == {"TableGroupingPolicy": "CombineCompatibleSchemas"}
    assert configuration["CrawlerOutput"]["Partitions"] == {"AddOrUpdateBehavior": "InheritFromTable"}


def test_the_crawler_makes_no_partition_index_for_which_its_role_has_no_right(assembly):
    configuration = json.loads(assembly.one("AWS::Glue::Crawler").properties["Configuration"])
    may_index = {"glue:CreatePartitionIndex", "glue:GetPartitionIndexes"} & {
        action for action, _ in assembly.allowed(NAMES.role("glue-crawler"))
    }

    assert configuration["CreatePartitionIndex"] is False
    assert not may_index


def test_the_crawlers_log_is_encrypted_with_our_key(assembly):
    configuration = assembly.one("AWS::Glue::SecurityConfiguration").properties
    encryption = configuration["EncryptionConfiguration"]["CloudWatchEncryption"]

    assert encryption["CloudWatchEncryptionMode"] == "SSE-KMS"
    assert assembly.one("AWS::Glue::Crawler").properties["CrawlerSecurityConfiguration"] == configuration["Name"]


def test_the_crawler_reads_nothing_but_predictions_and_writes_no_object(assembly):
    allowed = assembly.allowed(NAMES.role("glue-crawler"))
    read = {resource for action, resource in allowed if action == "s3:GetObject*" and resource.endswith("*")}

    assert read == {f"arn:aws:s3:::{NAMES.bucket('results')}/predictions/*"}
    assert not [action for action, _ in allowed if action.startswith("s3:Put")]


def test_the_workgroup_encrypts_results_and_ends_queries_that_scan_too_much_whatever_a_client_asks_for(assembly):
    workgroup = assembly.one("AWS::Athena::WorkGroup", Name=NAMES.workgroup).properties
    configuration = assembly.resolve(workgroup["WorkGroupConfiguration"], "analytics")
    results = configuration["ResultConfiguration"]

    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 100 * 10**9
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert configuration["PublishCloudWatchMetricsEnabled"] is True
    assert results["OutputLocation"] == f"s3://{NAMES.bucket('results')}/athena/"
    assert results["ExpectedBucketOwner"] == ACCOUNT
    assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert "DataKey" in results["EncryptionConfiguration"]["KmsKey"]


def test_a_query_that_somebody_saved_does_not_stop_the_deletion_of_the_workgroup(assembly):
    assert assembly.one("AWS::Athena::WorkGroup").properties["RecursiveDeleteOption"] is True

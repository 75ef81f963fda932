import pytest

from tests.infra.assembly import NAMES


@pytest.mark.parametrize("purpose", ["data", "models", "results"])
def test_buckets_are_private_encrypted_with_our_key_and_log_access(assembly, purpose):
    bucket = assembly.one("AWS::S3::Bucket", BucketName=NAMES.bucket(purpose)).properties

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "DataKey" in str(encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == f"{purpose}/"


def test_input_and_models_are_versioned_and_old_versions_expire(assembly):
    for purpose in ("data", "models"):
        bucket = assembly.one("AWS::S3::Bucket", BucketName=NAMES.bucket(purpose)).properties
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert rules["expire-old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}


def test_of_the_results_only_what_can_be_had_anew_expires(assembly):
    bucket = assembly.one("AWS::S3::Bucket", BucketName=NAMES.bucket("results")).properties
    rules = bucket["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    cheaper = {rule["Prefix"] for rule in rules if "Transitions" in rule}

    assert expiring == {"runs/": 90, "schedules/": 90, "athena/": 30}
    assert cheaper == {"predictions/", "quarantine/"}


def test_no_bucket_answers_without_tls(assembly):
    refused = {
        assembly.resolve(policy.properties["Bucket"], policy.stack)
        for policy in assembly.of_type("AWS::S3::BucketPolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Action"] == "s3:*"
    }

    assert refused == {NAMES.bucket(purpose) for purpose in ("data", "models", "results", "access-logs")}


def test_the_table_is_keyed_by_prediction_and_forgets_by_expiration_time(assembly):
    table = assembly.one("AWS::DynamoDB::Table").properties

    assert table["KeySchema"] == [{"AttributeName": "predictionId", "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "predictionId", "AttributeType": "S"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expirationTime", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEType"] == "KMS"


def test_the_topic_is_encrypted_and_takes_messages_over_tls_alone(assembly):
    topic = assembly.one("AWS::SNS::Topic", TopicName=NAMES.topic).properties
    (policy,) = assembly.of_type("AWS::SNS::TopicPolicy", stack="storage")
    (statement,) = policy.properties["PolicyDocument"]["Statement"]

    assert "MessagesKey" in str(topic["KmsMasterKeyId"])
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_keys_rotate(assembly):
    keys = assembly.of_type("AWS::KMS::Key")

    assert len(keys) == 3
    assert all(key.properties["EnableKeyRotation"] is True for key in keys)


def test_cloudwatch_logs_may_use_the_logs_key_for_our_log_groups_alone(assembly):
    (key,) = (key for key in assembly.of_type("AWS::KMS::Key") if key.logical_id.startswith("LogsKey"))
    (statement,) = (s for s in key.properties["KeyPolicy"]["Statement"] if "Service" in s["Principal"])

    assert statement["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    groups = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert groups == f"arn:aws:logs:us-east-1:{NAMES.account}:log-group:*"


def users_of_the_messages_key(assembly):
    (key,) = (key for key in assembly.of_type("AWS::KMS::Key") if key.logical_id.startswith("MessagesKey"))
    statements = assembly.resolve(key.properties["KeyPolicy"]["Statement"], key.stack)
    return {s["Principal"]["Service"]: s for s in statements if "Service" in s["Principal"]}


def test_alarms_of_this_account_may_publish_to_encrypted_topics(assembly):
    statement = users_of_the_messages_key(assembly)["cloudwatch.amazonaws.com"]

    assert set(statement["Action"]) == {"kms:GenerateDataKey*", "kms:Decrypt"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": NAMES.account}}


def test_rules_may_publish_to_our_topics_alone_without_a_condition_that_would_stop_them(assembly):
    statement = users_of_the_messages_key(assembly)["events.amazonaws.com"]
    topics = [f"arn:aws:sns:us-east-1:{NAMES.account}:{topic}" for topic in (NAMES.topic, NAMES.alarms_topic)]

    assert set(statement["Action"]) == {"kms:GenerateDataKey*", "kms:Decrypt"}
    assert statement["Condition"] == {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topics}}

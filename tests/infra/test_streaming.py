import pytest

from tests.infra.assembly import ACCOUNT, NAMES

ROLE = NAMES.role("score-stream")
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{NAMES.stream}"
FAILURES = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{NAMES.stream_failures}"


def mapping(assembly):
    found = assembly.one("AWS::Lambda::EventSourceMapping")
    return assembly.resolve(found.properties, found.stack)


def test_the_stream_keeps_encrypted_records_for_a_week(assembly):
    stream = assembly.one("AWS::Kinesis::Stream", Name=NAMES.stream).properties

    assert stream["ShardCount"] == 1
    assert stream["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert stream["RetentionPeriodHours"] == 168
    assert stream["StreamEncryption"]["EncryptionType"] == "KMS"
    assert "DataKey" in str(stream["StreamEncryption"]["KeyId"])


def test_lambda_reads_the_stream_from_its_oldest_record_into_the_scoring_function(assembly):
    reader = mapping(assembly)

    assert reader["EventSourceArn"] == STREAM
    assert reader["FunctionName"] == NAMES.function("score-stream")
    assert reader["StartingPosition"] == "TRIM_HORIZON"
    assert reader["BatchSize"] == 100
    assert reader["MaximumBatchingWindowInSeconds"] == 1


def test_a_record_that_keeps_failing_cannot_block_its_shard(assembly):
    reader = mapping(assembly)

    assert reader["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert reader["BisectBatchOnFunctionError"] is True
    # Five attempts are one delivery and four retries.
    assert reader["MaximumRetryAttempts"] == 4
    assert reader["MaximumRecordAgeInSeconds"] == 3600


def test_what_is_given_up_is_told_to_a_queue_while_its_records_are_still_in_the_stream(assembly):
    reader = mapping(assembly)
    stream = assembly.one("AWS::Kinesis::Stream").properties
    queue = assembly.one("AWS::SQS::Queue", QueueName=NAMES.stream_failures).properties

    assert reader["DestinationConfig"] == {"OnFailure": {"Destination": FAILURES}}
    assert reader["MaximumRecordAgeInSeconds"] < stream["RetentionPeriodHours"] * 3600
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_failure_queue_is_encrypted_with_our_key_and_closed_without_tls(assembly):
    queue = assembly.one("AWS::SQS::Queue", QueueName=NAMES.stream_failures).properties
    policy = assembly.one("AWS::SQS::QueuePolicy")
    (statement,) = assembly.resolve(policy.properties["PolicyDocument"]["Statement"], policy.stack)

    assert "MessagesKey" in str(queue["KmsMasterKeyId"])
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == FAILURES
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("kinesis:DescribeStream", STREAM),
        ("kinesis:DescribeStreamSummary", STREAM),
        ("kinesis:GetRecords", STREAM),
        ("kinesis:GetShardIterator", STREAM),
        ("kinesis:ListShards", STREAM),
        ("sqs:SendMessage", FAILURES),
    ],
)
def test_the_functions_role_lets_lambda_read_the_stream_and_tell_of_failures(assembly, action, resource):
    assert (action, resource) in assembly.allowed(ROLE)


def test_the_functions_role_may_use_the_keys_of_stream_and_queue(assembly):
    keys = {(action, resource.split("/")[1][:8]) for action, resource in assembly.allowed(ROLE) if ":kms:" in resource}

    assert ("kms:Decrypt", "DataKey1") in keys
    assert ("kms:GenerateDataKey*", "Messages") in keys


def test_the_stream_is_read_only_once_its_function_and_role_are_there(assembly):
    assert NAMES.stack("tasks") in assembly.dependencies(NAMES.stack("streaming"))

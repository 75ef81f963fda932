"""A stream of a template is read by a function, and what the function does not take is not lost."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from infra.local.emulator import Services, private_names

from .stack_world import Stack, Template, refusal

SOURCE = """
import base64, json, os, pathlib

TRIES = pathlib.Path(os.environ["TRIES"])

def handler(event, context):
    records = event["Records"]
    texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in records]
    tries = int(TRIES.read_text() if TRIES.exists() else 0)
    TRIES.write_text(str(tries + 1))
    print("EVENT", json.dumps({"texts": texts, "first": records[0]}))
    if "bad" in texts and tries == 0:
        failed = records[texts.index("bad")]["kinesis"]["sequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": failed}]}
    return {"batchItemFailures": []}
"""
ENCRYPTION = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}


def resources(name: str, function: str, **stream: Any) -> Template:
    body = {"Name": name, "ShardCount": 1, "RetentionPeriodHours": 48, "StreamEncryption": ENCRYPTION, **stream}
    mapping = {
        "EventSourceArn": {"Fn::GetAtt": ["Stream", "Arn"]},
        "FunctionName": function,
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 50,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 3,
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    return {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": body},
        "Reader": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }


@pytest.fixture
def reader(function: Any, name: str, tmp_path: Any) -> str:
    arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
    reads = {"Effect": "Allow", "Action": "kinesis:*", "Resource": arn}
    return str(function(SOURCE, reads, Environment={"Variables": {"TRIES": str(tmp_path / "tries")}}))


@pytest.fixture
def deliveries(client: Any, name: str) -> Callable[[int], list[dict[str, Any]]]:
    """Waits until the function was called so many times; returns what it was given."""

    def wait(count: int) -> list[dict[str, Any]]:
        logs, deadline = client("logs"), time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
            except logs.exceptions.ResourceNotFoundException:
                events = []
            found = [json.loads(e["message"][6:]) for e in events if e["message"].startswith("EVENT ")]
            if len(found) >= count:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{count} deliveries did not come")

    return wait


def test_records_reach_the_function_in_the_form_of_aws(
    stack: Stack, client: Any, reader: str, deliveries: Any, name: str
) -> None:
    ids = stack(resources(name, reader))
    put = client("kinesis").put_record(StreamName=name, Data=b"good", PartitionKey="k")

    (delivery,) = deliveries(1)
    record = delivery["first"]
    assert delivery["texts"] == ["good"]
    assert record["eventID"] == f"{put['ShardId']}:{put['SequenceNumber']}"
    assert record["eventSourceARN"].endswith(f":stream/{name}")
    assert record["kinesis"]["partitionKey"] == "k"
    assert record["invokeIdentityArn"] == f"arn:aws:iam::000000000000:role/{name}-lambda"
    assert ids["Stream"] == name


def test_a_batch_that_is_not_handled_whole_is_delivered_again_and_the_log_says_so(
    stack: Stack, client: Any, reader: str, deliveries: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    kinesis = client("kinesis")
    stack(resources(name, reader))
    kinesis.put_records(
        StreamName=name, Records=[{"Data": text, "PartitionKey": "k"} for text in (b"good", b"bad", b"after")]
    )

    first, second = deliveries(2)

    assert first["texts"] == second["texts"] == ["good", "bad", "after"]
    assert "ReportBatchItemFailures" in caplog.text


def test_stream_and_mapping_are_described_as_the_template_says(
    stack: Stack, client: Any, reader: str, name: str
) -> None:
    ids = stack(resources(name, reader))
    stream = client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    mapping = client("lambda").get_event_source_mapping(UUID=ids["Reader"])
    tags = client("lambda").list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"]

    assert (stream["RetentionPeriodHours"], stream["OpenShardCount"]) == (48, 1)
    assert (stream["EncryptionType"], stream["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert (mapping["BatchSize"], mapping["MaximumRetryAttempts"], tags) == (50, 3, {"a": "b"})
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_an_update_leaves_stream_and_mapping_in_place(stack: Stack, client: Any, reader: str, name: str) -> None:
    ids = stack(resources(name, reader))
    changed = resources(name, reader, StreamEncryption={"Ref": "AWS::NoValue"})
    changed["Reader"]["Properties"] |= {"BatchSize": "7", "Tags": []}

    assert stack(changed) == ids
    mapping = client("lambda").get_event_source_mapping(UUID=ids["Reader"])
    assert mapping["BatchSize"] == 7
    assert client("lambda").list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"] == {}
    stream = client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert stream["EncryptionType"] == "NONE"


def test_a_change_of_shards_is_refused_and_the_stream_keeps_its_records(
    stack: Stack, client: Any, reader: str, deliveries: Any, name: str
) -> None:
    stack(resources(name, reader))
    client("kinesis").put_record(StreamName=name, Data=b"good", PartitionKey="k")

    with pytest.raises(WaiterError, match="ROLLBACK"):
        stack(resources(name, reader, ShardCount=2))

    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert any("a change of ShardCount" in event.get("ResourceStatusReason", "") for event in events)
    assert len(client("kinesis").list_shards(StreamName=name)["Shards"]) == 1
    assert deliveries(1)[0]["texts"] == ["good"]


def test_a_stream_that_exists_is_not_overwritten(client: Any, name: str) -> None:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": name, "ShardCount": 1}}

    assert "already exists" in refusal(client, name, {"Stream": stream})


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (
            "EventSourceMapping",
            {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/none", "StartingPosition": "LATEST"},
        ),
        ("Permission", {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}),
    ],
)
def test_what_belongs_to_a_function_that_is_not_there_is_refused(
    client: Any, name: str, kind: str, properties: dict[str, Any]
) -> None:
    body = {"FunctionName": f"{name}-gone", **properties}

    assert f"{name}-gone" in refusal(client, name, {"R": {"Type": f"AWS::Lambda::{kind}", "Properties": body}})


def test_a_layer_whose_code_is_missing_is_not_deployed(client: Any, name: str) -> None:
    client("s3").create_bucket(Bucket=name)
    layer = {"LayerName": name, "Content": {"S3Bucket": name, "S3Key": "missing.zip"}}

    assert "is not there" in refusal(client, name, {"L": {"Type": "AWS::Lambda::LayerVersion", "Properties": layer}})


def test_a_function_whose_role_may_not_read_the_stream_is_no_reader(client: Any, function: Any, name: str) -> None:
    other = {"Effect": "Allow", "Action": "kinesis:*", "Resource": "arn:aws:kinesis:us-east-1:000000000000:stream/x"}
    reason = refusal(client, name, resources(name, function(SOURCE, other)))

    assert f"the role of {function_arn(name)} cannot read" in reason
    assert "kinesis:DescribeStream" in reason


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def test_a_reader_keeps_its_place_when_records_expire(
    stack: Stack, client: Any, reader: str, deliveries: Any, name: str
) -> None:
    stack(resources(name, reader))
    kinesis = client("kinesis")
    kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="k")
    deliveries(1)

    # Nobody can wait for a day: the stream's retention ends now.
    with Services().scope("000000000000", "us-east-1"):
        stream = private_names.module("services.kinesis")._streams[name]
        stream["RetentionPeriodHours"] = 0
        private_names.module("services.kinesis")._expire_records(stream)
        stream["RetentionPeriodHours"] = 24
    kinesis.put_record(StreamName=name, Data=b"new", PartitionKey="k")

    assert [delivery["texts"] for delivery in deliveries(2)] == [["old"], ["new"]]

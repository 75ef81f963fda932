"""Each limit of the table: what is at it is taken, one more is refused with AWS's code, and letters count as bytes."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.server import EmbeddedAws
from tasks import aws_limits as limits
from tasks.aws_limits import Limit, utf8_bytes

from .limits_world import World, document, json_of, trust
from .stack_world import refusal

Text = Callable[[int], str]
"""Makes a text of as many bytes."""


@pytest.fixture(scope="session")
def world(aws: EmbeddedAws) -> World:
    return World(aws.url)


def text_of(letter: str) -> Text:
    """Texts that consist of a letter, filled up with x."""
    width = len(letter.encode())
    return lambda size: letter * (size // width) + "x" * (size % width)


@dataclass(frozen=True)
class Bytes:
    """A limit in bytes, and a call with a text of as many."""

    limit: Limit
    call: Callable[[World, int, Text], object]

    def __str__(self) -> str:
        return name_of(self.limit)


@dataclass(frozen=True)
class Count:
    """A limit of another kind, and a call with as many; `least` if less is refused instead of more."""

    limit: Limit
    call: Callable[[World, int], object]
    least: bool = False

    def __str__(self) -> str:
        return name_of(self.limit)


def name_of(limit: Limit) -> str:
    return next(name for name, value in vars(limits).items() if value is limit)


def batch_of_messages(world: World, size: int, text: Text) -> object:
    half = size // 2
    entries = [{"Id": "1", "Message": text(half)}, {"Id": "2", "Message": text(size - half)}]
    answer = world("sns").publish_batch(TopicArn=world.topic, PublishBatchRequestEntries=entries)
    assert len(answer["Successful"]) == 2
    return answer


BYTES = [
    Bytes(limits.PARAMETER_STANDARD_VALUE, lambda w, n, text: w.put_parameter(Value=text(n))),
    Bytes(
        limits.PARAMETER_ADVANCED_VALUE, lambda w, n, text: w.put_parameter(Value=text(n), Tier="Intelligent-Tiering")
    ),
    Bytes(
        limits.LAMBDA_REQUEST,
        lambda w, n, text: w("lambda").invoke(
            FunctionName=w.function, InvocationType="DryRun", Payload=json_of(n, text).encode()
        ),
    ),
    Bytes(
        limits.LAMBDA_ASYNCHRONOUS_REQUEST,
        lambda w, n, text: w("lambda").invoke(
            FunctionName=w.function, InvocationType="Event", Payload=json_of(n, text).encode()
        ),
    ),
    Bytes(
        limits.LAMBDA_ENVIRONMENT,
        lambda w, n, text: w("lambda").update_function_configuration(
            FunctionName=w.function, Environment={"Variables": {"A1": text(n - len('{"A1":""}'))}}
        ),
    ),
    Bytes(limits.DYNAMODB_ITEM, lambda w, n, text: w.put_item(long={"S": text(n - utf8_bytes("kasblong"))})),
    Bytes(limits.DYNAMODB_PARTITION_KEY, lambda w, n, text: w.put_item(k={"S": text(n)})),
    Bytes(limits.DYNAMODB_SORT_KEY, lambda w, n, text: w.put_item(s={"S": text(n)})),
    Bytes(
        limits.KINESIS_RECORD,
        lambda w, n, text: w("kinesis").put_record(
            StreamName=w.stream, Data=text(n - 4).encode(), PartitionKey="\u00e9\u00e9"
        ),
    ),
    Bytes(limits.SNS_MESSAGE, lambda w, n, text: w("sns").publish(TopicArn=w.topic, Message=text(n))),
    Bytes(
        limits.SQS_MESSAGE,
        lambda w, n, text: w("sqs").send_message(
            QueueUrl=w.queue,
            MessageBody=text(n - utf8_bytes("aStringv")),
            MessageAttributes={"a": {"DataType": "String", "StringValue": "v"}},
        ),
    ),
    Bytes(
        limits.EVENTS_ENTRIES,
        lambda w, n, text: w("events").put_events(
            Entries=[{"Source": "s", "DetailType": "d", "Detail": json.dumps({"a": text(n - 11)}, ensure_ascii=False)}]
        ),
    ),
    Bytes(limits.SCHEDULER_INPUT, lambda w, n, text: w.put_schedule(Target={"Input": json_of(n, text)})),
    Bytes(limits.LOGS_BATCH, lambda w, n, text: w.put_logs(text(n - limits.LOGS_OVERHEAD.value))),
    Bytes(limits.S3_KEY, lambda w, n, text: w("s3").put_object(Bucket=w.bucket, Key=text(n), Body=b"")),
    Bytes(
        limits.SAGEMAKER_BODY,
        # The size is looked at before the endpoint.
        lambda w, n, text: not_found(
            lambda: w("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=text(n).encode())
        ),
    ),
]


def not_found(call: Callable[[], object]) -> None:
    """Make a call that can only end with what it names not being there, or with what is wrong with it."""
    try:
        call()
    except ClientError as error:
        if "not found" not in str(error):
            raise


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f600"], ids=["ascii", "two-bytes", "four-bytes"])
@pytest.mark.parametrize("row", BYTES, ids=str)
def test_a_limit_in_bytes_counts_the_bytes_of_letters(world: World, row: Bytes, letter: str) -> None:
    text = text_of(letter)
    row.call(world, row.limit.value, text)

    with pytest.raises(ClientError) as refused:
        row.call(world, row.limit.value + 1, text)

    assert refused.value.response["Error"]["Code"] == row.limit.error


def test_messages_of_a_batch_share_one_limit(world: World) -> None:
    batch_of_messages(world, limits.SNS_MESSAGE.value, text_of("\u00e9"))

    with pytest.raises(ClientError, match="BatchRequestTooLong"):
        batch_of_messages(world, limits.SNS_MESSAGE.value + 1, text_of("\u00e9"))


def inline_policies(world: World, size: int) -> object:
    """Two policies of a role, of as many characters together."""
    name = world.new()
    world("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust(500))
    world("iam").put_role_policy(RoleName=name, PolicyName="a", PolicyDocument=document(4000))
    return world("iam").put_role_policy(RoleName=name, PolicyName="b", PolicyDocument=document(size - 4000))


def upload(world: World, size: int) -> object:
    """An object of two parts, the first of as many bytes."""
    place = {"Bucket": world.bucket, "Key": "parts"}
    s3 = world("s3")
    number = {"UploadId": s3.create_multipart_upload(**place)["UploadId"], **place}
    bodies = (bytes(size), b"x")
    parts = [
        {"PartNumber": at, "ETag": s3.upload_part(**number, PartNumber=at, Body=body)["ETag"]}
        for at, body in enumerate(bodies, 1)
    ]
    return s3.complete_multipart_upload(**number, MultipartUpload={"Parts": parts})


def items(count: int) -> list[dict[str, Any]]:
    return [{"k": {"S": str(number)}, "s": {"S": "b"}} for number in range(count)]


def nested(levels: int) -> dict[str, Any]:
    """A value with as many levels of lists, the scalar within not counted."""
    return functools.reduce(lambda inner, _: {"L": [inner]}, range(levels), {"S": "x"})


def api_stage(world: World, size: int) -> object:
    gateway = world("apigateway")
    api = gateway.create_rest_api(name="limits")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    deployment = gateway.create_deployment(restApiId=api)["id"]
    return gateway.create_stage(restApiId=api, stageName="s" * size, deploymentId=deployment)


def api_integration(world: World, milliseconds: int) -> object:
    gateway = world("apigateway")
    api = gateway.create_rest_api(name="limits")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    return gateway.put_integration(
        restApiId=api, resourceId=root, httpMethod="GET", type="MOCK", timeoutInMillis=milliseconds
    )


def api_model(world: World, size: int) -> object:
    schema = json.dumps({"description": ""})
    api = world("apigateway").create_rest_api(name="limits")["id"]
    return world("apigateway").create_model(
        restApiId=api,
        name="m",
        contentType="application/json",
        schema=json.dumps({"description": "x" * (size - len(schema))}),
    )


def stack_of(world: World, **parts: Any) -> object:
    resources = parts.pop("Resources", {"T": {"Type": "AWS::SNS::Topic"}})
    return world("cloudformation").validate_template(TemplateBody=json.dumps({"Resources": resources, **parts}))


COUNTS = [
    Count(
        limits.PARAMETER_NAME,
        lambda w, n: w.put_parameter(Name="/" + "n" * (n - len("arn:aws:ssm:us-east-1:000000000000:parameter/"))),
    ),
    Count(limits.PARAMETER_LEVELS, lambda w, n: w.put_parameter(Name=f"/{w.new()}" + "/a" * (n - 1))),
    Count(limits.LAMBDA_NAME, lambda w, n: w.make_function(FunctionName=w.new().ljust(n, "x"))),
    Count(limits.LAMBDA_MEMORY, lambda w, n: w.make_function(MemorySize=n)),
    Count(limits.LAMBDA_TIMEOUT, lambda w, n: w.make_function(Timeout=n)),
    Count(limits.API_STAGE_NAME, api_stage),
    Count(limits.API_INTEGRATION_TIMEOUT, api_integration),
    Count(limits.API_MODEL, api_model),
    Count(
        limits.DYNAMODB_EXPRESSION,
        lambda w, n: w("dynamodb").put_item(
            TableName=w.table, Item=items(1)[0], ConditionExpression="attribute_not_exists(z)".ljust(n)
        ),
    ),
    Count(limits.DYNAMODB_NUMBER, lambda w, n: w.put_item(v={"N": f"0.{'1' * n}"})),
    Count(limits.DYNAMODB_NESTING, lambda w, n: w.put_item(v=nested(n - 1))),
    Count(
        limits.DYNAMODB_BATCH_WRITE,
        lambda w, n: w("dynamodb").batch_write_item(
            RequestItems={w.table: [{"PutRequest": {"Item": item}} for item in items(n)]}
        ),
    ),
    Count(
        limits.DYNAMODB_BATCH_GET,
        lambda w, n: w("dynamodb").batch_get_item(RequestItems={w.table: {"Keys": items(n)}}),
    ),
    Count(
        limits.DYNAMODB_TRANSACTION,
        lambda w, n: w("dynamodb").transact_write_items(
            TransactItems=[{"Put": {"TableName": w.table, "Item": item}} for item in items(n)]
        ),
    ),
    Count(limits.BATCH_ATTEMPTS, lambda w, n: w.register_job(retryStrategy={"attempts": n})),
    Count(limits.BATCH_LEAST_TIMEOUT, lambda w, n: w.register_job(timeout={"attemptDurationSeconds": n}), least=True),
    Count(limits.SNS_SUBJECT, lambda w, n: w("sns").publish(TopicArn=w.topic, Message="m", Subject="s" * n)),
    Count(limits.SNS_TOPIC_NAME, lambda w, n: w("sns").create_topic(Name=w.new().ljust(n, "x"))),
    Count(
        limits.SQS_ATTRIBUTES,
        lambda w, n: w("sqs").send_message(
            QueueUrl=w.queue,
            MessageBody="m",
            MessageAttributes={f"a{number}": {"DataType": "String", "StringValue": "v"} for number in range(n)},
        ),
    ),
    Count(limits.SQS_DELAY, lambda w, n: w("sqs").send_message(QueueUrl=w.queue, MessageBody="m", DelaySeconds=n)),
    Count(limits.SQS_QUEUE_NAME, lambda w, n: w("sqs").create_queue(QueueName=w.new().ljust(n, "x"))),
    Count(limits.METRICS_OF_REQUEST, lambda w, n: w.put_metrics(*[{"Value": 1.0}] * n)),
    Count(limits.METRICS_VALUES, lambda w, n: w.put_metrics({"Values": [float(v) for v in range(n)]})),
    Count(limits.LOGS_SPAN, lambda w, n: w.put_logs("m", ages=(n, 0))),
    Count(
        limits.S3_METADATA,
        lambda w, n: w("s3").put_object(Bucket=w.bucket, Key="k", Body=b"", Metadata={"a": "x" * (n - 1)}),
    ),
    Count(
        limits.S3_DELETE,
        lambda w, n: w("s3").delete_objects(Bucket=w.bucket, Delete={"Objects": [{"Key": str(i)} for i in range(n)]}),
    ),
    Count(limits.S3_LEAST_PART, upload, least=True),
    Count(
        limits.S3_OBJECT_TAGS,
        lambda w, n: w("s3").put_object(
            Bucket=w.bucket, Key="k", Body=b"", Tagging="&".join(f"t{number}=v" for number in range(n))
        ),
    ),
    Count(
        limits.IAM_MANAGED_POLICY, lambda w, n: w("iam").create_policy(PolicyName=w.new(), PolicyDocument=document(n))
    ),
    Count(limits.IAM_INLINE_POLICIES, inline_policies),
    Count(
        limits.IAM_TRUST_POLICY,
        lambda w, n: w("iam").create_role(RoleName=w.new(), AssumeRolePolicyDocument=trust(n)),
    ),
    Count(
        limits.CLOUDFORMATION_BODY,
        lambda w, n: w("cloudformation").validate_template(
            TemplateBody=json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}).ljust(n)
        ),
    ),
    Count(
        limits.CLOUDFORMATION_RESOURCES,
        lambda w, n: stack_of(w, Resources={f"T{i}": {"Type": "AWS::SNS::Topic"} for i in range(n)}),
    ),
    Count(
        limits.CLOUDFORMATION_PARAMETERS,
        lambda w, n: stack_of(w, Parameters={f"P{i}": {"Type": "String", "Default": ""} for i in range(n)}),
    ),
]


@pytest.mark.parametrize("row", COUNTS, ids=str)
def test_what_is_at_a_limit_is_taken_and_what_is_beyond_is_refused(world: World, row: Count) -> None:
    row.call(world, row.limit.value)

    with pytest.raises(ClientError) as refused:
        row.call(world, row.limit.value + (-1 if row.least else 1))

    assert refused.value.response["Error"]["Code"] == row.limit.error


def test_a_job_definition_has_a_size(world: World) -> None:
    world.register_job(containerProperties={"command": ["x" * (limits.BATCH_JOB_DEFINITION.value - 1000)]})

    with pytest.raises(ClientError, match="Job definition size must be less than 24 KiB"):
        world.register_job(containerProperties={"command": ["x" * limits.BATCH_JOB_DEFINITION.value]})


def test_more_than_five_layers_are_refused_before_any_is_looked_for(world: World) -> None:
    layers = [f"arn:aws:lambda:us-east-1:000000000000:layer:l{number}:1" for number in range(6)]

    with pytest.raises(ClientError, match="does not exist"):
        world.make_function(Layers=layers[:5])
    with pytest.raises(ClientError, match="Cannot reference more than 5 layers"):
        world.make_function(Layers=layers)


def test_metrics_have_a_size_together(world: World) -> None:
    dimensions = [{"Name": f"d{number}", "Value": "v" * 1000} for number in range(30)]

    with pytest.raises(ClientError, match="RequestEntityTooLarge"):
        world.put_metrics(*[{"Value": 1.0, "Dimensions": dimensions}] * 35)


def test_a_large_parameter_stays_in_the_tier_that_it_has(world: World) -> None:
    name = f"/{world.new()}"
    tiers = []
    for value in ("x", "x" * 4097, "x"):
        world.put_parameter(Name=name, Value=value, Tier="Intelligent-Tiering", Overwrite=True)
        (described,) = world("ssm").describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])[
            "Parameters"
        ]
        tiers.append(described["Tier"])
    world.put_parameter(Name=name, Value="x" * 8192, Overwrite=True)

    assert tiers == ["Standard", "Advanced", "Advanced"]


def test_labels_that_parameter_store_does_not_take_are_named_and_the_others_attached(world: World) -> None:
    name = f"/{world.new()}"
    world.put_parameter(Name=name)
    labels = ["good", "1st", "awsome", "SSM-x", "a b", "is_good.2"]

    answer = world("ssm").label_parameter_version(Name=name, Labels=labels)

    assert answer["InvalidLabels"] == ["1st", "awsome", "SSM-x", "a b"]
    (version,) = world("ssm").get_parameter_history(Name=name)["Parameters"]
    assert version["Labels"] == ["good", "is_good.2"]


# Grammars and values: a call, the code, and some of AWS's words.
REFUSED: list[tuple[Callable[[World], object], str, str]] = [
    (lambda w: w.put_parameter(Value=""), "ValidationException", "Value '' at 'value' failed to satisfy constraint"),
    (lambda w: w.put_parameter(Value="a {{ssm:b}}"), "ValidationException", "can't nest another parameter"),
    (lambda w: w.put_parameter(Name="/a b"), "ValidationException", "a-zA-Z0-9_.-"),
    (lambda w: w.put_parameter(Name="a/b"), "ValidationException", "fully qualified name"),
    (lambda w: w.put_parameter(Name="/a//b"), "ValidationException", "Parameter name"),
    (lambda w: w.put_parameter(Tier="Large"), "ValidationException", "Member must satisfy enum value set"),
    (lambda w: w.put_parameter(Description="d" * 1025), "ValidationException", "less than or equal to 1024"),
    (
        lambda w: w("ssm").label_parameter_version(Name="n", Labels=[f"l{n}" for n in range(11)]),
        "ValidationException",
        "at 'labels' failed to satisfy constraint: Member must have length less than or equal to 10",
    ),
    (lambda w: w.make_function(FunctionName="a.b"), "ValidationException", "regular expression pattern"),
    (lambda w: w.make_function(MemorySize=127), "ValidationException", "greater than or equal to 128"),
    (
        lambda w: w.make_function(Environment={"Variables": {"AWS_REGION": "x"}}),
        "InvalidParameterValueException",
        "Reserved keys used in this request: AWS_REGION",
    ),
    (
        lambda w: w("kinesis").put_record(StreamName=w.stream, Data=b"x", PartitionKey="p" * 257),
        "ValidationException",
        "at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256",
    ),
    (
        lambda w: w("kinesis").put_records(
            StreamName=w.stream, Records=[{"Data": b"x", "PartitionKey": "p"} for _ in range(501)]
        ),
        "ValidationException",
        "less than or equal to 500",
    ),
    (lambda w: w("sns").publish(TopicArn=w.topic, Message=""), "InvalidParameter", "Empty message"),
    (
        lambda w: w("sns").publish(TopicArn=w.topic, Message="m", Subject="a\nb"),
        "InvalidParameter",
        "Invalid parameter: Subject",
    ),
    (lambda w: w("sns").create_topic(Name="a.b"), "InvalidParameter", "Topic Name"),
    (lambda w: w("sqs").create_queue(QueueName="a.b"), "InvalidParameterValue", "alphanumeric"),
    (lambda w: w("events").put_events(Entries=[]), "ValidationException", "greater than or equal to 1"),
    (
        lambda w: w("events").put_rule(Name="r", EventPattern=json.dumps({"source": ["x" * 4096]})),
        "ValidationException",
        "less than or equal to 4096",
    ),
    (
        lambda w: w("events").put_rule(Name="r", ScheduleExpression="rate(1 minutes)"),
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
    ),
    (
        lambda w: w("events").put_rule(Name="r", ScheduleExpression="at(2030-01-01T00:00:00)"),
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
    ),
    (
        lambda w: w.put_schedule(ScheduleExpression="cron(0 12 * * * *)"),
        "ValidationException",
        "Invalid Schedule Expression cron(0 12 * * * *).",
    ),
    (lambda w: w.put_schedule(ScheduleExpressionTimezone="Europe/Nowhere"), "ValidationException", "Timezone"),
    (lambda w: w.put_schedule(FlexibleTimeWindow={"Mode": "FLEXIBLE"}), "ValidationException", "MaximumWindow"),
    (
        lambda w: w.put_schedule(FlexibleTimeWindow={"Mode": "OFF", "MaximumWindowInMinutes": 5}),
        "ValidationException",
        "MaximumWindow",
    ),
    (lambda w: w.put_schedule(StartDate=2_000_000_000, EndDate=1_900_000_000), "ValidationException", "EndDate"),
    (lambda w: w.put_schedule(Target={"Input": "{"}), "ValidationException", "not a valid JSON"),
    (lambda w: w.put_schedule(Target={"RoleArn": "r"}), "ValidationException", "at 'target.roleArn'"),
    (lambda w: w.put_schedule(Name="n" * 65), "ValidationException", "less than or equal to 64"),
    (lambda w: w.put_metrics({"Value": float("nan")}), "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
    (lambda w: w.put_metrics({"Value": 2.0**361}), "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
    (
        lambda w: w.put_metrics({"Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}),
        "InvalidParameterValue",
        "30",
    ),
    (lambda w: w.put_logs("m", ages=(0, 1)), "InvalidParameterException", "chronological order"),
    (lambda w: w.put_logs(""), "InvalidParameterException", "greater than or equal to 1"),
    (
        lambda w: w.put_logs(*["m"] * 10_001),
        "InvalidParameterException",
        "less than or equal to 10000",
    ),
    (lambda w: w("logs").create_log_group(logGroupName="a b"), "InvalidParameterException", "logGroupName"),
    (lambda w: w("s3").create_bucket(Bucket="xn--bucket"), "InvalidBucketName", "not valid"),
    (lambda w: w("s3").create_bucket(Bucket="bucket-s3alias"), "InvalidBucketName", "not valid"),
    (
        lambda w: w("s3").put_object(Bucket=w.bucket, Key="k", Body=b"", Tagging=f"{'t' * 129}=v"),
        "InvalidTag",
        "TagKey",
    ),
    (
        lambda w: w("iam").create_role(RoleName="r" * 65, AssumeRolePolicyDocument=trust(500)),
        "ValidationError",
        "at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
    ),
    (
        lambda w: w("athena").start_query_execution(QueryString="x" * 262_145),
        "InvalidRequestException",
        "less than or equal to 262144",
    ),
    (lambda w: w("athena").create_work_group(Name="a b"), "InvalidRequestException", "regular expression pattern"),
    (
        lambda w: w("glue").create_database(DatabaseInput={"Name": "d" * 256}),
        "ValidationException",
        "at 'databaseInput.name'",
    ),
    (lambda w: w.put_item(v={"N": "\u0665"}), "ValidationException", "cannot be converted to a numeric value"),
    (lambda w: w.put_item(v={"N": "5\n"}), "ValidationException", "cannot be converted to a numeric value"),
]


@pytest.mark.parametrize(("call", "code", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_breaks_a_grammar_is_refused_in_awss_words(
    world: World, call: Callable[[World], object], code: str, words: str
) -> None:
    with pytest.raises(ClientError) as refused:
        call(world)

    assert refused.value.response["Error"]["Code"] == code
    assert words in refused.value.response["Error"]["Message"]


def test_an_event_whose_detail_is_no_object_is_told_and_the_others_are_put(world: World) -> None:
    entries = [{"Source": "s", "DetailType": "d", "Detail": detail} for detail in ('{"a": 1}', "a", "[]", "{}")]

    answer = world("events").put_events(Entries=entries)

    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "MalformedDetail", "MalformedDetail", None]
    assert answer["FailedEntryCount"] == 2
    assert world("events").put_events(Entries=entries[1:2])["FailedEntryCount"] == 1


@pytest.mark.parametrize(
    "payload",
    [b"nope", b'{"a": NaN}', b"{} {}", b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b"{", b"'a'", b"[" * 100_000],
    ids=["word", "nan", "two", "utf-8", "surrogate-bytes", "half-surrogate", "cut-off", "quotes", "deep"],
)
def test_a_payload_that_is_no_json_is_refused_and_the_function_does_not_run(world: World, payload: bytes) -> None:
    with pytest.raises(ClientError, match=r"InvalidRequestContentException.*Could not parse request body into json"):
        world("lambda").invoke(FunctionName=world.function, Payload=payload)


@pytest.mark.parametrize("payload", [b"", b'"\\ud83d\\ude00"', b"\xef\xbb\xbf{}", b" null "])
def test_a_payload_that_json_knows_is_taken_and_so_is_none(world: World, payload: bytes) -> None:
    assert "FunctionError" not in world("lambda").invoke(FunctionName=world.function, Payload=payload)


# Stacks reach services past their APIs.
RESOURCES: list[tuple[str, dict[str, Any], str]] = [
    ("AWS::SSM::Parameter", {"Type": "String", "Value": "\u00e9" * 2049}, "maximum parameter value of 4096"),
    ("AWS::Events::Rule", {"EventPattern": {"source": ["s" * 4096]}}, "less than or equal to 4096"),
    ("AWS::SNS::Topic", {"TopicName": "a.b"}, "Topic Name"),
    ("AWS::SQS::Queue", {"QueueName": "q" * 81}, "1 to 80 in length"),
    ("AWS::Logs::LogGroup", {"LogGroupName": "a b"}, "regular expression pattern"),
    (
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": json.loads(trust(500)),
            "Policies": [{"PolicyName": "p", "PolicyDocument": json.loads(document(10_241))}],
        },
        "Maximum policy size of 10240 bytes exceeded",
    ),
    ("AWS::IAM::Role", {"AssumeRolePolicyDocument": json.loads(trust(2049))}, "ACLSizePerRole: 2048"),
    ("AWS::IAM::ManagedPolicy", {"PolicyDocument": json.loads(document(6145))}, "PolicySize: 6144"),
    (
        "AWS::Lambda::Function",
        {
            "Code": {"S3Bucket": "none", "S3Key": "none"},
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Runtime": "python3.11",
            "Timeout": 901,
        },
        "less than or equal to 900",
    ),
]


@pytest.mark.parametrize(("kind", "properties", "words"), RESOURCES, ids=[words for _, _, words in RESOURCES])
def test_a_resource_of_a_stack_is_held_against_its_services_limits(
    client: Any, name: str, kind: str, properties: dict[str, Any], words: str
) -> None:
    assert words in refusal(client, name, {"R": {"Type": kind, "Properties": properties}})

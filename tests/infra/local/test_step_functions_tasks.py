"""Tasks of state machines: real calls with the machine's role, failures under the names that workflows match."""

import json

import pytest

from tests.infra.local.state_machine_world import World, single, task


@pytest.fixture
def world(client):
    return World(client)


@pytest.fixture(scope="module")
def echo(client):
    return World(client).function("def handler(event, context):\n    return {'got': event}\n")


def test_a_function_arn_gets_the_input_and_gives_the_output(world, echo):
    ended = world.run(task(echo), {"x": [1, 2.5, "ü"]})

    assert json.loads(ended["output"]) == {"got": {"x": [1, 2.5, "ü"]}}
    assert world.types(ended["executionArn"])[2:5] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
    ]


def test_a_function_arn_can_name_an_alias(world, echo):
    functions = world.client("lambda")
    version = functions.publish_version(FunctionName=echo)["Version"]
    alias = functions.create_alias(FunctionName=echo, Name=f"a{world.unique}", FunctionVersion=version)["AliasArn"]

    assert json.loads(world.run(task(alias), {"x": 1})["output"]) == {"got": {"x": 1}}


def test_lambda_invoke_tells_payload_version_and_metadata(world, echo):
    ended = world.run(
        task("arn:aws:states:::lambda:invoke", {"FunctionName": echo, "Payload": {"x.$": "$.y"}}), {"y": 7}
    )

    output = json.loads(ended["output"])
    assert output["Payload"] == {"got": {"x": 7}}
    assert output["ExecutedVersion"] == "$LATEST"
    assert output["StatusCode"] == output["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert output["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"] == "application/json"
    assert output["SdkResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(("text", "event"), [('"a word"', "a word"), ("0.5", 0.5), ("[]", []), ('{"x": 1}', {"x": 1})])
def test_a_text_in_the_place_of_a_payload_is_the_payload(world, echo, text, event):
    ended = world.run(task("arn:aws:states:::lambda:invoke", {"FunctionName": echo, "Payload": text}))

    assert json.loads(ended["output"])["Payload"] == {"got": event}


def test_a_payload_that_is_no_json_is_refused_as_lambda_refuses_it(world, echo):
    ended = world.run(task("arn:aws:states:::lambda:invoke", {"FunctionName": echo, "Payload": "a word"}))

    assert ended["error"] == "Lambda.InvalidRequestContentException"
    assert "Could not parse payload into json: Unrecognized token 'a'" in ended["cause"]


@pytest.mark.parametrize("optimized", [True, False])
def test_a_function_fails_under_its_own_error_name(world, optimized):
    boom = world.function("class NoModel(Exception): pass\ndef handler(event, context):\n    raise NoModel('v7')\n")
    work = task("arn:aws:states:::lambda:invoke", {"FunctionName": boom}) if optimized else task(boom)
    work["States"]["Work"]["Catch"] = [{"ErrorEquals": ["NoModel"], "Next": "Caught"}]
    work["States"]["Caught"] = {"Type": "Pass", "End": True}

    ended = world.run(work)

    assert ended["status"] == "SUCCEEDED"
    assert json.loads(json.loads(ended["output"])["Cause"])["errorMessage"] == "v7"


@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("result", ["{'a': float('nan')}", "[float('-inf')]", "b'NaN'"])
def test_a_result_that_is_no_json_fails_the_execution(world, optimized, result):
    function = world.function(f"def handler(event, context): return {result}")
    invoke = task("arn:aws:states:::lambda:invoke", {"FunctionName": function}) if optimized else task(function)

    ended = world.run(invoke)

    assert ended["error"] == "States.Runtime"
    assert "is not valid JSON" in ended["cause"]


@pytest.mark.parametrize(
    ("body", "error"),
    [("return {'text': '\\ud800'}", "Runtime.MarshalError"), ("raise ValueError('\\ud800')", "ValueError")],
)
def test_half_surrogates_of_a_function_fail_the_task_not_the_worker(world, body, error):
    function = world.function(f"def handler(event, context): {body}")

    assert world.run(task(function))["error"] == error


def test_a_missing_function_fails_as_on_aws(world):
    ended = world.run(task("arn:aws:states:::lambda:invoke", {"FunctionName": "nonesuch"}))

    assert ended["error"] == "Lambda.ResourceNotFoundException"
    assert ended["cause"].startswith(
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nonesuch (Service: AWSLambda; "
        "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: "
    )


def test_a_role_that_may_not_invoke_makes_the_task_fail(world, echo):
    weak = world.role({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})

    ended = world.run(task(echo), role=weak)

    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert "is not authorized to perform: lambda:InvokeFunction" in ended["cause"]
    assert f"assumed-role/{weak.rsplit('/', 1)[-1]}/" in ended["cause"]


def test_a_role_that_trusts_step_functions_no_more_makes_the_task_fail(world):
    role = world.role()
    machine = world.machine(task("arn:aws:states:::aws-sdk:s3:listBuckets", {}), role=role)
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    world.client("iam").update_assume_role_policy(RoleName=role.rpartition("/")[2], PolicyDocument=policy)

    ended = world.end_of(world.states.start_execution(stateMachineArn=machine)["executionArn"])

    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert role in ended["cause"]


def test_the_credentials_of_a_state_name_the_role_that_calls(world):
    machine_role = world.role({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    task_role = world.role({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, principal={"AWS": machine_role})
    listing = "arn:aws:states:::aws-sdk:s3:listBuckets"

    without = world.run(task(listing, {}), role=machine_role)
    with_credentials = world.run(task(listing, {}, Credentials={"RoleArn": task_role}), role=machine_role)

    assert without["status"] == "FAILED"
    assert with_credentials["status"] == "SUCCEEDED"


@pytest.mark.parametrize("service", ["dynamodb", "aws-sdk:dynamodb"])
def test_items_are_written_and_read(world, service):
    table = f"table-{world.unique}"
    dynamodb = world.client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "a"}, "n": {"N": "1"}}

    written = world.run(task(f"arn:aws:states:::{service}:putItem", {"TableName": table, "Item": item}))
    read = world.run(task(f"arn:aws:states:::{service}:getItem", {"TableName": table, "Key": {"id": {"S": "a"}}}))

    assert written["status"] == "SUCCEEDED"
    assert dynamodb.get_item(TableName=table, Key={"id": {"S": "a"}})["Item"] == item
    assert json.loads(read["output"])["Item"] == item
    assert ("SdkHttpMetadata" in json.loads(read["output"])) == (service == "dynamodb")


@pytest.mark.parametrize(
    ("resource", "parameters", "error", "cause"),
    [
        (
            "aws-sdk:dynamodb:getItem",
            {"TableName": "nonesuch", "Key": {"id": {"S": "a"}}},
            "DynamoDb.ResourceNotFoundException",
            "Requested resource not found (Service: DynamoDb, Status Code: 400, Request ID: ",
        ),
        (
            "dynamodb:getItem",
            {"TableName": "nonesuch", "Key": {"id": {"S": "a"}}},
            "DynamoDB.ResourceNotFoundException",
            "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ",
        ),
        (
            "aws-sdk:s3:listObjects",
            {"Bucket": "nonesuch-bucket"},
            "S3.NoSuchBucketException",
            "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: ",
        ),
        (
            "aws-sdk:secretsmanager:createSecret",
            {"Name": "two words", "SecretString": "x"},
            "SecretsManager.SecretsManagerException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@! ",
        ),
        (
            "sns:publish",
            {"TopicArn": "arn:aws:sns:us-east-1:000000000000:nonesuch", "Message": "x"},
            "SNS.NotFoundException",
            "Topic does not exist",
        ),
        (
            "aws-sdk:sfn:sendTaskFailure",
            {"TaskToken": "nonesuch"},
            "Sfn.InvalidTokenException",
            "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ",
        ),
        (
            "states:startExecution",
            {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:nonesuch"},
            "StepFunctions.StateMachineDoesNotExistException",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:nonesuch' (Service: ",
        ),
        (
            "sqs:sendMessage",
            {"QueueUrl": "no-such-queue", "MessageBody": "x"},
            "SQS.SdkClientException",
            "Unable to execute HTTP request: no-such-queue: Name or service not known",
        ),
    ],
)
def test_refusals_are_worded_as_step_functions_words_them(world, resource, parameters, error, cause):
    ended = world.run(task(f"arn:aws:states:::{resource}", parameters))

    assert ended["error"] == error
    assert ended["cause"].startswith(cause)
    assert "TaskFailed" in world.types(ended["executionArn"])


def test_a_null_in_the_place_of_a_required_member_is_refused_by_the_service(world):
    put = task("arn:aws:states:::dynamodb:putItem", {"TableName": "t", "Item.$": "$.item"})

    ended = world.run(put, {"item": None})

    assert ended["error"] == "DynamoDB.AmazonDynamoDBException"
    assert ended["cause"].startswith(
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"
    )


def test_arguments_that_do_not_fit_fail_the_state_before_it_is_scheduled(world):
    missing = world.run(task("arn:aws:states:::aws-sdk:s3:getObject", {"Bucket": "b"}))
    configuration = {"Bucket": "b", "CreateBucketConfiguration.$": "$.configuration"}
    unknown = world.run(
        task("arn:aws:states:::aws-sdk:s3:createBucket", configuration), {"configuration": {"Constraint": "eu-west-1"}}
    )

    assert missing["error"] == unknown["error"] == "States.Runtime"
    assert "The field 'Key' is required but was missing" in missing["cause"]
    assert "The field 'Constraint' is not supported by Step Functions" in unknown["cause"]
    assert "TaskScheduled" not in world.types(missing["executionArn"]) + world.types(unknown["executionArn"])


def test_what_the_embedded_aws_cannot_do_fails_by_name(world):
    training = {"ModelName": "m", "ExecutionRoleArn": world.role()}

    ended = world.run(task("arn:aws:states:::sagemaker:createModel", training))

    assert ended["status"] == "FAILED"
    assert "does not run arn:aws:states:::sagemaker:createModel" in ended["cause"]


def test_an_answer_that_is_a_stream_of_events_fails_by_name(world):
    query = {"Bucket": "b", "Key": "k", "Expression": "e", "ExpressionType": "SQL"}
    query |= {"InputSerialization": {}, "OutputSerialization": {}}

    ended = world.run(task("arn:aws:states:::aws-sdk:s3:selectObjectContent", query))

    assert ended["error"] == "States.Runtime"
    assert "stream of events" in ended["cause"]


@pytest.mark.parametrize(
    ("body", "stored"), [("text", b'"text"'), ({"a": 1}, b'{"a":1}'), ([1, None], b"[1,null]"), (0, b"0")]
)
def test_binary_members_take_json_and_store_its_text(world, body, stored):
    bucket = world.bucket()

    world.run(
        task("arn:aws:states:::aws-sdk:s3:putObject", {"Bucket": bucket, "Key": "k", "Body.$": "$.body"}),
        {"body": body},
    )

    assert world.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == stored


def test_streams_become_texts_and_times_iso_texts(world):
    bucket = world.bucket()
    world.client("s3").put_object(Bucket=bucket, Key="k", Body=b"hello")

    ended = world.run(task("arn:aws:states:::aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "k"}))

    output = json.loads(ended["output"])
    assert output["Body"] == "hello"
    assert output["LastModified"].endswith("Z")
    assert output["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'


def test_bytes_that_are_no_text_fail_instead_of_being_changed(world):
    bucket = world.bucket()
    world.client("s3").put_object(Bucket=bucket, Key="k", Body=b"\xff\xfe\x00")

    ended = world.run(task("arn:aws:states:::aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "k"}))

    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_messages_are_sent_as_json_texts(world):
    queue = world.queue()

    world.run(task("arn:aws:states:::sqs:sendMessage", {"QueueUrl": queue, "MessageBody": {"a.$": "$.a"}}), {"a": 1})

    (message,) = world.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == '{"a":1}'


def test_notifications_reach_the_subscribers_of_a_topic(world):
    queue = world.queue()
    sns = world.client("sns")
    topic = sns.create_topic(Name=f"topic-{world.unique}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=world.queue_arn(queue))

    ended = world.run(task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": "done", "Subject": "s"}))

    assert json.loads(ended["output"])["MessageId"]
    (message,) = world.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["Message"] == "done"


def test_an_event_that_eventbridge_refuses_fails_the_task(world):
    good = {"Source": "s", "DetailType": "d", "Detail": {"a": 1}}

    ended = world.run(task("arn:aws:states:::events:putEvents", {"Entries": [good, {**good, "Detail": "[1]"}]}))

    assert ended["error"] == "EventBridge.FailedEntry"
    accepted, refused = json.loads(ended["cause"])["Entries"]
    assert accepted["EventId"]
    assert refused == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


@pytest.mark.parametrize(("pattern", "output"), [(".sync", '{"x":1}'), (".sync:2", {"x": 1})])
def test_a_nested_execution_is_waited_for(world, pattern, output):
    inner = world.machine(single({"Type": "Pass", "Result": {"x": 1}, "End": True}))

    ended = world.run(
        task(f"arn:aws:states:::states:startExecution{pattern}", {"StateMachineArn": inner, "Input": {"a": None}})
    )

    described = json.loads(ended["output"])
    assert described["Output"] == output
    assert described["Status"] == "SUCCEEDED"
    assert "TaskSubmitted" in world.types(ended["executionArn"])
    (execution,) = world.states.list_executions(stateMachineArn=inner)["executions"]
    assert world.states.describe_execution(executionArn=execution["executionArn"])["input"] == '{"a":null}'


def test_a_nested_execution_that_fails_fails_the_task_with_its_description(world):
    inner = world.machine(single({"Type": "Fail", "Error": "Inner", "Cause": "because"}))

    ended = world.run(task("arn:aws:states:::states:startExecution.sync", {"StateMachineArn": inner}))

    assert ended["error"] == "States.TaskFailed"
    described = json.loads(ended["cause"])
    assert (described["Error"], described["Cause"], described["Status"]) == ("Inner", "because", "FAILED")


def test_stopping_an_execution_stops_the_one_that_it_waits_for(world):
    inner = world.machine(single({"Type": "Wait", "Seconds": 600, "End": True}))
    outer = world.start(task("arn:aws:states:::states:startExecution.sync", {"StateMachineArn": inner}))
    while "TaskSubmitted" not in world.types(outer):
        pass

    world.states.stop_execution(executionArn=outer)

    (execution,) = world.states.list_executions(stateMachineArn=inner)["executions"]
    assert execution["status"] == "ABORTED"


@pytest.fixture
def api(world):
    """Returns the parameters with which a machine calls an API that echoes query and body."""
    function = world.function(
        "import json\n"
        "def handler(event, context):\n"
        "    query = event['queryStringParameters'] or {}\n"
        "    body = json.dumps({'query': query, 'body': event['body']})\n"
        "    return {'statusCode': int(query.get('status', 200)), 'body': body}\n"
    )
    world.client("lambda").add_permission(
        FunctionName=function, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    gateway = world.client("apigateway")
    rest_api = gateway.create_rest_api(name=f"api-{world.unique}")["id"]
    (root,) = gateway.get_resources(restApiId=rest_api)["items"]
    method = {"restApiId": rest_api, "resourceId": root["id"], "httpMethod": "POST"}
    gateway.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=rest_api, stageName="live")
    endpoint = f"{rest_api}.execute-api.us-east-1.amazonaws.com"
    return {"ApiEndpoint": endpoint, "Method": "POST", "Stage": "live", "RequestBody": {"x.$": "$.x"}}


def test_an_api_is_called_with_query_and_body(world, api):
    invoke = task("arn:aws:states:::apigateway:invoke", {**api, "QueryParameters": {"a": ["b"]}})

    output = json.loads(world.run(invoke, {"x": 1})["output"])

    assert (output["StatusCode"], output["StatusText"]) == (200, "OK")
    assert output["ResponseBody"] == {"query": {"a": "b"}, "body": '{"x":1}'}


def test_an_api_that_answers_an_error_fails_the_task_under_its_status(world, api):
    invoke = task("arn:aws:states:::apigateway:invoke", {**api, "QueryParameters": {"status": ["503"]}})

    ended = world.run(invoke, {"x": 1})

    assert ended["error"] == "ApiGateway.503"
    assert json.loads(ended["cause"])["query"] == {"status": "503"}


def test_a_role_that_does_not_exist_is_tolerated_until_it_does(world):
    name = f"late-{world.unique}"
    listing = world.machine(
        task("arn:aws:states:::aws-sdk:s3:listBuckets", {}), role=f"arn:aws:iam::000000000000:role/{name}"
    )

    def status():
        execution = world.states.start_execution(stateMachineArn=listing)["executionArn"]
        return world.end_of(execution)["status"]

    assert status() == "SUCCEEDED"
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    world.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    assert status() == "FAILED"


def test_a_function_result_over_the_limit_fails_the_task(world):
    big = world.function("def handler(event, context):\n    return 'x' * 262_143\n")

    ended = world.run(task(big))

    assert ended["error"] == "States.DataLimitExceeded"
    assert ended["cause"] == (
        f"The state/task '{big}' returned a result with a size exceeding the maximum number of bytes service limit."
    )

"""Functions run as on AWS: errors under their names, timeouts, crashes, layers, logs, their role's permissions."""

import base64
import concurrent.futures
import json
import os
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tasks.aws_limits import LAMBDA_RESPONSE

from .conftest import zipped

HANDLER = """
import os, time

class InvalidRunRequest(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("calls", calls)
    if "raise" in event:
        raise InvalidRunRequest(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    if "kill" in event:
        os.kill(os.getpid(), 9)
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "set" in event:
        return {1}
    return {"calls": calls, "pid": os.getpid(), "greeting": os.environ["GREETING"], "arn": context.invoked_function_arn}
"""

Deploy = Callable[..., "Function"]


class Function:
    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name

    def __call__(self, **event: Any) -> Any:
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        return {"error": payload} if "FunctionError" in answer else payload


@pytest.fixture
def deploy(client: Any, role: Any, name: str) -> Deploy:
    def make(code: str = HANDLER, *statements: dict[str, Any], **settings: Any) -> Function:
        functions = client("lambda")
        functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role("lambda.amazonaws.com", *statements),
            Handler="app.handler",
            Code={"ZipFile": zipped(app=code)},
            Environment={"Variables": {"GREETING": "hello"}},
            **{"Timeout": 5, **settings},
        )
        return Function(functions, name)

    return make


def test_an_exception_surfaces_under_its_own_name_and_the_worker_stays_warm(deploy: Deploy) -> None:
    function = deploy()
    first = function()

    error = function(**{"raise": "shardRows is -1"})["error"]
    after = function()

    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (error["errorType"], error["errorMessage"]) == ("InvalidRunRequest", "shardRows is -1")
    assert error["stackTrace"][0].startswith('  File "/var/task/app.py", line 14, in handler\n')
    assert (after["pid"], after["calls"]) == (first["pid"], 3)


def test_environment_and_context_are_those_of_the_function(deploy: Deploy, name: str) -> None:
    answer = deploy()()

    assert answer["greeting"] == "hello"
    assert answer["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def test_a_timeout_is_reported_as_lambda_does_and_the_next_event_gets_a_new_worker(deploy: Deploy) -> None:
    function = deploy(Timeout=1)
    slow = function()["pid"]

    error = function(sleep=30)["error"]

    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert not psutil.pid_exists(slow)
    assert function()["calls"] == 1


@pytest.mark.parametrize(
    ("event", "ending"),
    [
        ({"exit": 3}, "Runtime exited with error: exit status 3"),
        ({"exit": 0}, "Runtime exited without providing a reason"),
        ({"kill": True}, "Runtime exited with error: signal: killed"),
    ],
)
def test_a_crash_is_an_exit_error_and_the_next_event_gets_a_new_worker(
    deploy: Deploy, event: dict[str, Any], ending: str
) -> None:
    function = deploy()

    error = function(**event)["error"]

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(ending)
    assert function()["calls"] == 1


def test_half_a_surrogate_pair_in_a_result_is_a_marshal_error(deploy: Deploy) -> None:
    error = deploy("def handler(event, context):\n    return {'a': chr(0xD800)}\n")()["error"]

    assert error["errorType"] == "Runtime.MarshalError"


def test_a_result_that_is_no_json_is_a_marshal_error(deploy: Deploy) -> None:
    error = deploy()(set=True)["error"]

    assert error["errorType"] == "Runtime.MarshalError"
    assert error["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ('"\\u00e9"', b'"\\u00e9"'),  # escaped, but for the runtimes after Python 3.11
        ("chr(0x1F600)", b'"\\ud83d\\ude00"'),
        ('float("nan")', b"NaN"),
    ],
)
def test_a_result_is_written_as_the_runtime_does(deploy: Deploy, client: Any, result: str, text: bytes) -> None:
    function = deploy(f"def handler(event, context):\n    return {result}\n")

    answer = client("lambda").invoke(FunctionName=function.name, Payload=b"{}")

    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == pytest.approx(json.loads(text), nan_ok=True)


def test_an_answer_counts_as_it_is_written(deploy: Deploy) -> None:
    # Two bytes of UTF-8, six as an escape.
    source = "def handler(event, context):\n    return event['size'] * '\\u00e9'\n"
    function = deploy(source)

    assert len(function(size=(LAMBDA_RESPONSE.value - 2) // 6)) == (LAMBDA_RESPONSE.value - 2) // 6
    error = function(size=LAMBDA_RESPONSE.value // 6 + 1)["error"]
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(6291556 bytes)" in error["errorMessage"]


def test_a_log_of_more_than_one_call_takes_is_whole(deploy: Deploy, client: Any, name: str) -> None:
    deploy("def handler(event, context):\n    print('\\u00e9' * 700_000)\n    print('end')\n")()

    logged = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    messages = [event["message"] for event in logged]
    assert sum(message.count("\u00e9") for message in messages) == pytest.approx(700_000, abs=1)
    assert "end" in messages


def test_bytes_are_the_response_itself(deploy: Deploy) -> None:
    assert deploy("def handler(event, context):\n    return b'\"text\"'\n")() == "text"


def test_the_tail_of_the_log_is_there_even_if_the_handler_wrote_nothing(deploy: Deploy) -> None:
    function = deploy("def handler(event, context):\n    return 1\n")

    tail = function.client.invoke(FunctionName=function.name, LogType="Tail", Payload=b"{}")["LogResult"]

    assert base64.b64decode(tail).decode().startswith("START RequestId: ")


def test_a_handler_that_cannot_be_imported_says_which_module_is_missing(deploy: Deploy) -> None:
    error = deploy("import not_in_the_package")()["error"]

    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'not_in_the_package'"


def test_a_syntax_error_is_placed_where_lambda_keeps_the_code(deploy: Deploy) -> None:
    error = deploy("def (")()["error"]

    assert error["errorType"] == "Runtime.UserCodeSyntaxError"
    assert error["stackTrace"][0].startswith('  File "/var/task/app.py" Line 1\n')


def test_packages_of_the_server_are_not_there_unless_lambda_or_a_layer_brings_them(
    deploy: Deploy, client: Any, name: str
) -> None:
    layer = client("lambda").publish_layer_version(
        LayerName=name, Content={"ZipFile": zipped(python__from_layer="value = 7")}
    )
    code = """
import importlib.util, boto3, from_layer
def handler(event, context):
    return [from_layer.value, importlib.util.find_spec("psutil") is None]
"""

    assert deploy(code, Layers=[layer["LayerVersionArn"]])() == [7, True]


def test_new_code_and_new_settings_take_effect_at_once(deploy: Deploy, name: str) -> None:
    function = deploy()
    function()
    function.client.update_function_configuration(FunctionName=name, Environment={"Variables": {"GREETING": "bye"}})
    assert function()["greeting"] == "bye"

    function.client.update_function_code(FunctionName=name, ZipFile=zipped(app="def handler(e, c): return 'new'"))
    assert function() == "new"


def test_a_function_may_do_only_what_its_role_allows(deploy: Deploy, client: Any, name: str) -> None:
    client("s3").create_bucket(Bucket=name)
    code = """
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket=event["bucket"], Key=event["key"], Body=b"x")
"""
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/allowed/*"}
    function = deploy(code, allowed)

    assert function(bucket=name, key="allowed/a") is None
    assert "not authorized to perform: s3:PutObject" in function(bucket=name, key="other/a")["error"]["errorMessage"]
    assert [item["Key"] for item in client("s3").list_objects_v2(Bucket=name)["Contents"]] == ["allowed/a"]


def test_invocations_that_wait_run_side_by_side(deploy: Deploy) -> None:
    function = deploy()

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        pids = {answer["pid"] for answer in threads.map(lambda _: function(sleep=1.5), range(6))}

    assert len(pids) == 6
    assert time.monotonic() - started < 6 * 1.5


def test_what_a_handler_prints_is_in_its_log_group_in_one_stream_per_worker(
    deploy: Deploy, client: Any, name: str
) -> None:
    function = deploy()
    function()
    function(**{"raise": "no"})

    logs = client("logs")
    streams = logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    messages = [event["message"] for event in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]]

    assert len(streams) == 1
    assert [message for message in messages if message.startswith("calls")] == ["calls 1", "calls 2"]
    assert "[ERROR] InvalidRunRequest: no" in messages


def test_the_log_of_one_invocation_does_not_leak_into_the_next(deploy: Deploy) -> None:
    function = deploy()
    tails = [
        function.client.invoke(FunctionName=function.name, LogType="Tail", Payload=b"{}")["LogResult"] for _ in "ab"
    ]

    assert tails[0] != tails[1]


def test_a_function_whose_role_does_not_trust_lambda_is_refused(deploy: Deploy, client: Any, name: str) -> None:
    function = deploy()
    iam = client("iam")
    untrusting = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [untrusting]})
    iam.update_assume_role_policy(RoleName=f"{name}-lambda", PolicyDocument=document)

    assert function()["error"]["errorType"] == "AccessDeniedException"


def test_a_worker_does_not_see_the_environment_of_the_server(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SERVER_SECRET", "x")

    assert deploy("import os\ndef handler(e, c): return os.environ.get('SERVER_SECRET')")() is None

"""Requests to a REST API that are too large, and functions behind it that take too long."""

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlparse

import pytest

from infra.local.server import EmbeddedAws
from tasks.aws_limits import API_HEADERS, API_PAYLOAD, LAMBDA_REQUEST

SOURCE = """
import json, time

def handler(event, context):
    if event["queryStringParameters"] == {"slow": "1"}:
        time.sleep(4)
    return {"statusCode": 200, "body": json.dumps({"got": len(event["body"] or "")})}
"""

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws, client: Any) -> Iterator[str]:
    """An API whose root is a function that must answer within three seconds; returns its path."""
    from .conftest import policy, zipped

    iam, functions, gateway = client("iam"), client("lambda"), client("apigateway")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="rest-api-limits", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    function = functions.create_function(
        FunctionName="rest-api-limits",
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": zipped(app=SOURCE)},
        Timeout=10,
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=function, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    api = gateway.create_rest_api(name="limits")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    place = {"restApiId": api, "resourceId": root, "httpMethod": "ANY"}
    gateway.put_method(**place, authorizationType="NONE")
    gateway.put_integration(
        **place,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        timeoutInMillis=3000,
        uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations",
    )
    gateway.put_gateway_response(
        restApiId=api,
        responseType="REQUEST_TOO_LARGE",
        statusCode="413",
        responseTemplates={"application/json": '{"error": "RequestTooLarge", "message": $context.error.messageString}'},
    )
    gateway.create_deployment(restApiId=api, stageName="v1")
    yield f"/restapis/{api}/v1/_user_request_/"
    functions.delete_function(FunctionName=function)


@pytest.fixture
def ask(aws: EmbeddedAws, deployed: str) -> Ask:
    def send(method: str, query: str = "", body: bytes = b"", **headers: str) -> tuple[int, dict[str, Any]]:
        with contextlib.closing(http.client.HTTPConnection(urlparse(aws.url).netloc, timeout=30)) as connection:
            connection.request(method, deployed + query, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    return send


def test_a_body_of_more_than_ten_megabytes_is_refused_in_the_apis_own_words(ask: Ask) -> None:
    status, said = ask("POST", body=bytes(API_PAYLOAD.value + 1))

    assert status == 413
    assert said == {"error": "RequestTooLarge", "message": "HTTP content length exceeded 10485760 bytes."}


def test_a_body_whose_event_is_more_than_lambda_takes_is_refused_too(ask: Ask) -> None:
    # As text within JSON a quotation mark takes two bytes.
    fitting, too_much = b'"' * (LAMBDA_REQUEST.value // 2 - 5000), b'"' * (LAMBDA_REQUEST.value // 2)

    assert ask("POST", body=fitting) == (200, {"got": len(fitting)})
    assert ask("POST", body=too_much)[0] == 413


@pytest.mark.parametrize("part", ["query", "header"])
def test_request_line_and_header_values_have_a_size_together(ask: Ask, part: str) -> None:
    def send(size: int) -> tuple[int, dict[str, Any]]:
        return ask("GET", f"?a={'x' * size}") if part == "query" else ask("GET", **{"x-large": "x" * size})

    assert send(API_HEADERS.value - 500)[0] == 200
    assert send(API_HEADERS.value) == (
        413,
        {"error": "RequestTooLarge", "message": "HTTP header is larger than 10240 bytes."},
    )


def test_a_function_that_takes_too_long_is_not_waited_for(ask: Ask) -> None:
    assert ask("GET", "?slow=1") == (504, {"message": "Endpoint request timed out"})

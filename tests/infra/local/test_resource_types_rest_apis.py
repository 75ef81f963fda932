"""A REST API of a template answers, and refuses, as API Gateway does."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.local.server import EmbeddedAws

from .stack_world import Stack, Template

SOURCE = """
import json

def handler(event, context):
    if event["httpMethod"] == "GET" and event["queryStringParameters"]["carrier"] == "broken":
        raise ValueError("a secret")
    seen = {name: event[name] for name in ("body", "httpMethod", "path", "queryStringParameters", "resource")}
    context = event["requestContext"]
    answer = {"seen": seen, "requestId": context["requestId"], "stage": context["stage"]}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
"""
SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["records"],
    "additionalProperties": False,
    "properties": {
        "records": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {"type": "object", "required": ["temp"]},
        }
    },
}
ERROR = '{"message": $context.error.messageString, "detail": "$context.error.validationErrorString"}'
LOG_FORMAT = (
    "$context.requestId ${context.identity.apiKeyId} $context.httpMethod $context.status $context.error.responseType"
)
INTEGRATION = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST"}

Call = Callable[..., tuple[int, dict[str, str], Any]]


def api(function: str, log_group: str, **stage: Any) -> Template:
    region, account = function.split(":")[3:5]
    uri = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations"
    rest_api = {"RestApiId": {"Ref": "Api"}}
    common = {
        **rest_api,
        "ResourceId": {"Ref": "Predict"},
        "AuthorizationType": "NONE",
        "ApiKeyRequired": True,
        "RequestValidatorId": {"Ref": "Validator"},
    }
    source = {"Fn::Join": ["", [f"arn:aws:execute-api:{region}:{account}:", {"Ref": "Api"}, "/v1/*/predict"]]}
    bodies: dict[str, tuple[str, Template]] = {
        "Api": ("RestApi", {"Name": "predictions", "EndpointConfiguration": {"Types": ["REGIONAL"]}}),
        "Predict": (
            "Resource",
            {**rest_api, "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "PathPart": "predict"},
        ),
        "Validator": (
            "RequestValidator",
            {**rest_api, "Name": "both", "ValidateRequestBody": True, "ValidateRequestParameters": True},
        ),
        "Records": (
            "Model",
            {**rest_api, "Name": "Records", "ContentType": "application/json", "Schema": SCHEMA},
        ),
        "Get": (
            "Method",
            {
                **common,
                "HttpMethod": "GET",
                "RequestParameters": {
                    "method.request.querystring.carrier": True,
                    "method.request.querystring.gust": False,
                },
                "Integration": {
                    **INTEGRATION,
                    "Uri": uri,
                    "CacheKeyParameters": ["method.request.querystring.carrier"],
                },
            },
        ),
        "Post": (
            "Method",
            {
                **common,
                "HttpMethod": "POST",
                "RequestModels": {"application/json": {"Ref": "Records"}, "$default": {"Ref": "Records"}},
                "Integration": {**INTEGRATION, "Uri": uri},
            },
        ),
        "BadBody": (
            "GatewayResponse",
            {
                **rest_api,
                "ResponseType": "BAD_REQUEST_BODY",
                "StatusCode": "422",
                "ResponseParameters": {"gatewayresponse.header.x-why": "'model'"},
                "ResponseTemplates": {"application/json": ERROR},
            },
        ),
        "Deployment": ("Deployment", rest_api),
        "Stage": (
            "Stage",
            {
                **rest_api,
                "StageName": "v1",
                "DeploymentId": {"Ref": "Deployment"},
                "CacheClusterEnabled": True,
                "CacheClusterSize": "0.5",
                "AccessLogSetting": {
                    "DestinationArn": f"arn:aws:logs:{region}:{account}:log-group:{log_group}",
                    "Format": LOG_FORMAT,
                },
                "MethodSettings": [
                    {
                        "HttpMethod": "GET",
                        "ResourcePath": "/~1predict",
                        "CachingEnabled": True,
                        "CacheTtlInSeconds": 300,
                        "ThrottlingRateLimit": 50,
                        "ThrottlingBurstLimit": 50,
                    }
                ],
                **stage,
            },
        ),
        "Key": ("ApiKey", {"Name": log_group, "Enabled": True}),
        "Plan": ("UsagePlan", {"ApiStages": [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}}]}),
        "PlanKey": (
            "UsagePlanKey",
            {"KeyId": {"Ref": "Key"}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "Plan"}},
        ),
    }
    after = {"Deployment": ["Get", "Post", "BadBody"]}
    resources = {
        name: {"Type": f"AWS::ApiGateway::{kind}", "Properties": properties, "DependsOn": after.get(name, [])}
        for name, (kind, properties) in bodies.items()
    }
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": function,
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": source,
    }
    return {**resources, "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission}}


@pytest.fixture
def call(aws: EmbeddedAws, client: Any) -> Callable[..., Call]:
    """Makes a caller of an API's stage `v1` with the stack's key: method, query or body -> status, headers, answer."""

    def of(ids: dict[str, str], key: str | None = None) -> Call:
        value = client("apigateway").get_api_key(apiKey=ids["Key"], includeValue=True)["value"] if key is None else key

        def send(method: str, query: str = "", body: Any = None) -> tuple[int, dict[str, str], Any]:
            connection = HTTPConnection(urlsplit(aws.url).netloc, timeout=30)
            path = f"/restapis/{ids['Api']}/v1/_user_request_/predict{query}"
            text = body if isinstance(body, str | None) else json.dumps(body)
            headers = {"x-api-key": value} if value else {}
            try:
                connection.request(method, path, text, {**headers, "content-type": "application/json"})
                answer = connection.getresponse()
                names = {name.lower(): text for name, text in answer.getheaders()}
                return answer.status, names, json.loads(answer.read())
            finally:
                connection.close()

        return send

    return of


@pytest.fixture
def deployed(stack: Stack, function: Any, name: str) -> dict[str, str]:
    return stack(api(function(SOURCE), name))


def test_get_carries_its_query_and_post_its_body_to_the_function(
    deployed: dict[str, str], call: Callable[..., Call]
) -> None:
    send = call(deployed)

    status, headers, got = send("GET", "?carrier=AA&gust=3")
    posted = send("POST", body={"records": [{"temp": 1}]})[2]

    assert (status, got["stage"]) == (200, "v1")
    assert got["seen"]["queryStringParameters"] == {"carrier": "AA", "gust": "3"}
    assert got["requestId"] == headers["x-amzn-requestid"]
    assert json.loads(posted["seen"]["body"]) == {"records": [{"temp": 1}]}
    assert posted["seen"]["resource"] == "/predict"


@pytest.mark.parametrize("key", ["", "x" * 30])
def test_without_a_key_of_the_plan_nobody_gets_through(
    deployed: dict[str, str], call: Callable[..., Call], key: str
) -> None:
    assert call(deployed, key)("GET", "?carrier=AA")[::2] == (403, {"message": "Forbidden"})


def test_a_missing_parameter_is_refused_and_an_optional_one_is_not_asked_for(
    deployed: dict[str, str], call: Callable[..., Call]
) -> None:
    status, _, answer = call(deployed)("GET", "?gust=3")

    assert (status, answer) == (400, {"message": "Missing required request parameters: [carrier]"})


@pytest.mark.parametrize(
    ("body", "explanation"),
    [
        ({}, '[object has missing required properties (["records"])]'),
        ({"records": []}, "[array is too short: must have at least 1 elements but instance has 0 elements]"),
        ({"records": [{}]}, '[object has missing required properties (["temp"])]'),
        ("{", "Invalid request body"),
    ],
)
def test_a_body_that_breaks_the_model_is_refused_with_the_reason(
    deployed: dict[str, str], call: Callable[..., Call], body: Any, explanation: str
) -> None:
    status, headers, answer = call(deployed)("POST", body=body)

    assert (status, headers["x-why"]) == (422, "model")
    assert answer == {"message": "Invalid request body", "detail": explanation}


def test_a_function_that_fails_tells_the_caller_nothing(deployed: dict[str, str], call: Callable[..., Call]) -> None:
    assert call(deployed)("GET", "?carrier=broken")[::2] == (502, {"message": "Internal server error"})


def test_a_function_that_does_not_permit_the_api_is_not_invoked(
    stack: Stack, function: Any, call: Callable[..., Call], name: str
) -> None:
    resources = api(function(SOURCE), name)
    del resources["Permission"]

    assert call(stack(resources))("GET", "?carrier=AA")[::2] == (500, {"message": "Internal server error"})


def test_each_call_is_a_line_of_the_access_log(
    deployed: dict[str, str], call: Callable[..., Call], client: Any, name: str
) -> None:
    request_id = call(deployed)("GET", "?carrier=AA")[1]["x-amzn-requestid"]
    call(deployed, "")("GET")

    lines = [event["message"] for event in client("logs").filter_log_events(logGroupName=name)["events"]]
    assert lines[0] == f"{request_id} {deployed['Key']} GET 200 -"
    assert lines[1].endswith(" - GET 403 INVALID_API_KEY")


def test_limits_of_a_method_throttle_it(stack: Stack, function: Any, call: Callable[..., Call], name: str) -> None:
    none = {"HttpMethod": "GET", "ResourcePath": "/~1predict", "ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 0}
    ids = stack(api(function(SOURCE), name, MethodSettings=[none]))

    assert call(ids)("GET", "?carrier=AA")[0] == 429
    assert call(ids)("POST", body={"records": [{"temp": 1}]})[0] == 200


def test_a_stage_keeps_its_settings_in_describe_and_over_updates(
    stack: Stack, function: Any, client: Any, name: str
) -> None:
    arn = function(SOURCE)
    gateway = client("apigateway")
    ids = stack(api(arn, name))
    before = gateway.get_stage(restApiId=ids["Api"], stageName="v1")
    method = gateway.get_method(restApiId=ids["Api"], resourceId=ids["Predict"], httpMethod="GET")

    updated = stack(api(arn, name, CacheClusterSize="1.6", AccessLogSetting={"Ref": "AWS::NoValue"}))
    after = gateway.get_stage(restApiId=ids["Api"], stageName="v1")

    assert (before["cacheClusterEnabled"], before["cacheClusterSize"]) == (True, "0.5")
    assert before["accessLogSettings"]["format"].startswith("$context.requestId")
    assert before["methodSettings"]["/predict/GET"]["cachingEnabled"] is True
    assert gateway.get_rest_api(restApiId=ids["Api"])["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert method["requestValidatorId"] == ids["Validator"]
    assert method["methodIntegration"]["cacheKeyParameters"] == ["method.request.querystring.carrier"]
    assert updated == ids
    assert (after["cacheClusterSize"], after.get("accessLogSettings")) == ("1.6", None)

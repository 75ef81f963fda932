import json

import jsonschema
import pytest

from tests.infra.assembly import ACCOUNT, NAMES

ERRORS = {
    "BAD_REQUEST_BODY": (400, "InvalidBody"),
    "BAD_REQUEST_PARAMETERS": (400, "InvalidParameters"),
    "INVALID_API_KEY": (403, "InvalidApiKey"),
    "ACCESS_DENIED": (403, "AccessDenied"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "NotFound"),
    "RESOURCE_NOT_FOUND": (404, "NotFound"),
    "REQUEST_TOO_LARGE": (413, "RequestTooLarge"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "UnsupportedMediaType"),
    "THROTTLED": (429, "Throttled"),
    "QUOTA_EXCEEDED": (429, "QuotaExceeded"),
    "INTEGRATION_TIMEOUT": (504, "Timeout"),
    "DEFAULT_4XX": (None, "RequestRefused"),
    "DEFAULT_5XX": (None, "InternalError"),
}
REQUIRED = ["carrier", "origin", "dest", "weekday", "hour", "minute", "distance"]
FEATURES = [*REQUIRED, "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
FEATURES += ["plane_year", "seats"]
RECORD = dict.fromkeys(REQUIRED, 1)


def method(assembly, verb):
    return assembly.one("AWS::ApiGateway::Method", HttpMethod=verb).properties


def stage(assembly):
    return assembly.one("AWS::ApiGateway::Stage").properties


def settings_of(assembly, verb):
    """Settings of a method of the stage, or of all other methods (`*`)."""
    (found,) = (s for s in stage(assembly)["MethodSettings"] if s["HttpMethod"] == verb)
    return found


def test_the_api_is_regional_and_has_one_stage(assembly):
    api = assembly.one("AWS::ApiGateway::RestApi", Name=NAMES.api).properties

    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert stage(assembly)["StageName"] == "v1"
    assert assembly.one("AWS::ApiGateway::Resource").properties["PathPart"] == "predict"


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_methods_need_a_key_and_hand_the_request_to_the_function(assembly, verb):
    properties = method(assembly, verb)

    assert properties["ApiKeyRequired"] is True
    assert properties["Integration"]["Type"] == "AWS_PROXY"
    assert f"function:{NAMES.function('predict')}/invocations" in properties["Integration"]["Uri"]


def test_only_the_methods_of_the_stage_may_call_the_function(assembly):
    permissions = assembly.of_type("AWS::Lambda::Permission", stack="api")
    sources = {assembly.resolve(p.properties["SourceArn"], "api").rsplit("/", 2)[1:][0] for p in permissions}

    assert sources == {"GET", "POST"}
    assert all(p.properties["Principal"] == "apigateway.amazonaws.com" for p in permissions)
    assert all(NAMES.function("predict") in p.properties["FunctionName"] for p in permissions)
    assert not any("test-invoke" in str(p.properties["SourceArn"]) for p in permissions)


def test_get_takes_the_features_of_the_shipped_model_and_needs_those_that_may_not_be_empty(assembly):
    parameters = method(assembly, "GET")["RequestParameters"]

    assert list(parameters) == [f"method.request.querystring.{name}" for name in FEATURES]
    assert [name.rsplit(".", 1)[1] for name, required in parameters.items() if required] == REQUIRED


def test_every_feature_is_a_key_of_the_cache(assembly):
    properties = method(assembly, "GET")

    assert properties["Integration"]["CacheKeyParameters"] == list(properties["RequestParameters"])


def test_answers_to_get_are_cached_encrypted_for_five_minutes(assembly):
    assert stage(assembly)["CacheClusterEnabled"] is True
    assert stage(assembly)["CacheClusterSize"] == "0.5"
    get = settings_of(assembly, "GET")
    assert get["ResourcePath"] == "/~1predict"
    assert (get["CachingEnabled"], get["CacheTtlInSeconds"], get["CacheDataEncrypted"]) == (True, 300, True)


def test_answers_to_post_are_never_cached(assembly):
    """The cache is not keyed on bodies, so one body would get the answer to another."""
    assert settings_of(assembly, "POST")["CachingEnabled"] is False
    assert settings_of(assembly, "*").get("CachingEnabled") is not True


@pytest.mark.parametrize("verb", ["*", "GET", "POST"])
def test_every_method_is_throttled_and_measured_but_no_data_is_logged(assembly, verb):
    found = settings_of(assembly, verb)

    assert (found["ThrottlingRateLimit"], found["ThrottlingBurstLimit"]) == (50, 100)
    assert found["MetricsEnabled"] is True
    assert found["DataTraceEnabled"] is False


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_requests_are_checked_before_the_function_is_called(assembly, verb):
    validator = assembly.one("AWS::ApiGateway::RequestValidator")

    assert method(assembly, verb)["RequestValidatorId"] == {"Ref": validator.logical_id}
    assert validator.properties["ValidateRequestParameters"] is True
    assert validator.properties["ValidateRequestBody"] is True


def test_no_content_type_leads_around_the_check_of_a_body(assembly):
    model = assembly.one("AWS::ApiGateway::Model")

    assert method(assembly, "POST")["RequestModels"] == {
        kind: {"Ref": model.logical_id} for kind in ("application/json", "$default")
    }


@pytest.mark.parametrize(
    "body",
    [
        {"records": [RECORD]},
        {"records": [RECORD] * 100},
        # The function tells of these, for it can name record and field.
        {"records": [{**RECORD, "hour": "noon", "unknown": None}]},
    ],
)
def test_the_schema_of_a_body_lets_through_what_has_the_form(assembly, body):
    jsonschema.validate(body, assembly.one("AWS::ApiGateway::Model").properties["Schema"])


@pytest.mark.parametrize(
    "body",
    [
        [RECORD],
        {},
        {"records": []},
        {"records": RECORD},
        {"records": [RECORD] * 101},
        {"records": ["text"]},
        {"records": [RECORD, {**RECORD, "extra": 1}, {"hour": 1}]},
        {"records": [RECORD], "rows": []},
    ],
)
def test_the_schema_of_a_body_refuses_what_is_no_list_of_records_with_the_required_fields(assembly, body):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, assembly.one("AWS::ApiGateway::Model").properties["Schema"])


def test_a_key_comes_with_a_rate_and_a_daily_quota(assembly):
    plan = assembly.one("AWS::ApiGateway::UsagePlan")
    link = assembly.one("AWS::ApiGateway::UsagePlanKey").properties

    assert plan.properties["Throttle"] == {"RateLimit": 50, "BurstLimit": 100}
    assert plan.properties["Quota"] == {"Limit": 1_000_000, "Period": "DAY"}
    assert link["UsagePlanId"] == {"Ref": plan.logical_id}
    assert link["KeyId"] == {"Ref": assembly.one("AWS::ApiGateway::ApiKey").logical_id}
    (of_stage,) = plan.properties["ApiStages"]
    assert of_stage["Stage"] == {"Ref": assembly.one("AWS::ApiGateway::Stage").logical_id}


def test_each_request_leaves_a_line_of_json_without_features_in_an_encrypted_log(assembly):
    setting = stage(assembly)["AccessLogSetting"]
    line = json.loads(setting["Format"])
    group = assembly.one("AWS::Logs::LogGroup", LogGroupName=f"/aws/apigateway/{NAMES.api}")

    assert {"requestId", "apiKeyId", "status", "error", "latencyMs"} <= set(line)
    assert not [variable for variable in line.values() if "querystring" in variable or "body" in variable.lower()]
    assert assembly.resolve(setting["DestinationArn"], "api").endswith(f":log-group:{group.properties['LogGroupName']}")
    assert stage(assembly)["TracingEnabled"] is True


def test_a_fresh_account_gets_the_role_that_access_logs_need_before_the_stage(assembly):
    account = assembly.one("AWS::ApiGateway::Account")
    role, attribute = account.properties["CloudWatchRoleArn"]["Fn::GetAtt"]

    assert attribute == "Arn"
    assert account.logical_id in assembly.one("AWS::ApiGateway::Stage").body["DependsOn"]
    # Other APIs of the account log with this role: it stays.
    for kept in (account.logical_id, role):
        assert assembly.templates["api"]["Resources"][kept]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_what_the_gateway_refuses_itself_has_a_status_a_name_a_message_and_the_request_id(assembly):
    found = {}
    for answer in assembly.of_type("AWS::ApiGateway::GatewayResponse"):
        template = answer.properties["ResponseTemplates"]["application/json"]
        # API Gateway puts this one in quotes itself.
        document = json.loads(template.replace("$context.error.messageString", '"its own message"'))
        status = answer.properties.get("StatusCode")
        found[answer.properties["ResponseType"]] = (status and int(status), document["error"])

        assert document["message"]
        assert document["requestId"] == "$context.requestId"
        assert document["errors"] == []

    assert found == ERRORS


def test_the_gateway_names_the_parameter_or_field_that_is_wrong(assembly):
    answers = {
        a.properties["ResponseType"]: a.properties["ResponseTemplates"]["application/json"]
        for a in assembly.of_type("AWS::ApiGateway::GatewayResponse")
    }

    assert '"message": $context.error.messageString' in answers["BAD_REQUEST_PARAMETERS"]
    assert "$context.error.validationErrorString" in answers["BAD_REQUEST_BODY"]


def test_errors_inside_are_told_without_details(assembly):
    (answer,) = (
        a for a in assembly.of_type("AWS::ApiGateway::GatewayResponse") if a.properties["ResponseType"] == "DEFAULT_5XX"
    )

    assert "$context.error" not in answer.properties["ResponseTemplates"]["application/json"]


def test_a_throttled_caller_is_told_when_to_try_again(assembly):
    (answer,) = (
        a for a in assembly.of_type("AWS::ApiGateway::GatewayResponse") if a.properties["ResponseType"] == "THROTTLED"
    )

    assert answer.properties["ResponseParameters"] == {"gatewayresponse.header.Retry-After": "'1'"}


def test_the_deployment_has_every_method_and_answer(assembly):
    """API Gateway's deployment is a picture of the API at its time: what comes later is not in it."""
    deployment = assembly.one("AWS::ApiGateway::Deployment")
    shown = {"AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse", "AWS::ApiGateway::Model"}
    wanted = {r.logical_id for r in assembly.resources if r.type in shown}

    assert wanted <= set(deployment.body["DependsOn"])


def test_the_function_outlasts_no_request(assembly):
    function = assembly.one("AWS::Lambda::Function", FunctionName=NAMES.function("predict")).properties

    assert function["Timeout"] <= 29, "API Gateway waits no longer"


def test_the_api_comes_after_the_function_that_it_names(assembly):
    assert NAMES.stack("tasks") in assembly.dependencies(NAMES.stack("api"))


def test_the_address_of_the_api_is_an_output_of_its_stack(assembly):
    (output,) = assembly.templates["api"]["Outputs"].values()

    assert assembly.resolve(output["Value"], "api").startswith("https://")
    assert ACCOUNT not in str(output)

"""What web pages may ask: what an application's own configuration opens to their origin, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import REGION, Answer, Client, Send

APP = "http://app.test"
EVIL = "http://evil.test"
DUMMY = "AWS4-HMAC-SHA256 Credential=test/20261201/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"

PAGE = """
def handler(event, context):
    return {"statusCode": 200, "body": "called", "headers": {"Access-Control-Allow-Origin": "http://app.test"}}
"""


def signed(service: str) -> str:
    return DUMMY.format(region=REGION, service=service)


def cors(answer: Answer) -> dict[str, str]:
    return {name: text for name, text in answer[1].items() if name.startswith("access-control-")}


@pytest.fixture
def bucket(client: Client, name: str) -> str:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    rule = {"AllowedOrigins": [APP], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    return name


def test_a_bucket_is_open_to_the_origins_and_methods_of_its_rules(send: Send, client: Client, bucket: str) -> None:
    session = client("sts").get_session_token()["Credentials"]
    s3 = client("s3", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    path = url[url.index("/", 8) :]
    asks = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "content-type"}

    preflight = send("OPTIONS", path, Origin=APP, Sec_Fetch_Site="cross-site", **asks)
    foreign = send("OPTIONS", path, Origin=EVIL, **asks), send("PUT", path, b"bad", Origin=EVIL)
    other = send("DELETE", f"/{bucket}/k", Origin=APP)

    assert (preflight[0], cors(preflight)["access-control-allow-origin"]) == (200, APP)
    assert [(answer[0], cors(answer)) for answer in (*foreign, other)] == [(403, {})] * 3
    assert client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert send("PUT", path, b"good", Origin=APP)[0] == 200
    assert client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"good"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": signed("s3")},
        {"Authorization": signed("ssm"), "X_Amz_Target": "AmazonSSM.DeleteParameter"},
        {"X_Amz_Target": "AmazonSSM.DeleteParameter"},
    ],
    ids=["with a key that nobody checks", "to another service", "to another service, unsigned"],
)
def test_a_page_of_an_allowed_origin_gets_no_further_than_its_bucket(
    send: Send,
    client: Client,
    bucket: str,
    headers: dict[str, str],
) -> None:
    assert send("PUT", f"/{bucket}/k", b'{"Name": "x"}', Origin=APP, **headers)[0] == 403
    assert client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.fixture
def api(client: Client, function: Callable[..., str]) -> str:
    """An API whose resource /open has an OPTIONS method and whose /shut has none; returns the path of its stage."""
    gateway, arn = client("apigateway"), function(PAGE)
    made = gateway.create_rest_api(name="a")["id"]
    (root,) = gateway.get_resources(restApiId=made)["items"]
    for part, methods in (("open", ("POST", "OPTIONS")), ("shut", ("POST", "ANY"))):
        resource = gateway.create_resource(restApiId=made, parentId=root["id"], pathPart=part)["id"]
        for method in methods:
            place = {"restApiId": made, "resourceId": resource, "httpMethod": method}
            gateway.put_method(**place, authorizationType="NONE")
            gateway.put_integration(
                **place,
                type="AWS_PROXY",
                integrationHttpMethod="POST",
                uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
            )
    gateway.create_deployment(restApiId=made, stageName="v1")
    client("lambda").add_permission(
        FunctionName=arn, StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    return f"/restapis/{made}/v1/_user_request_"


def test_an_api_is_open_where_a_resource_has_an_options_method(send: Send, api: str) -> None:
    asks = {"Origin": APP, "Access_Control_Request_Method": "POST"}

    opened = send("OPTIONS", f"{api}/open", **asks), send("POST", f"{api}/open", b"{}", Origin=APP)
    shut = send("OPTIONS", f"{api}/shut", **asks), send("POST", f"{api}/shut", b"{}", Origin=APP)

    assert [(answer[0], cors(answer)) for answer in opened] == [(200, {"access-control-allow-origin": APP})] * 2
    assert [(answer[0], cors(answer)) for answer in shut] == [(403, {})] * 2
    assert send("POST", f"{api}/shut", b"{}")[::2] == (200, b"called")


def test_a_page_of_its_own_origin_uses_its_application_and_no_service(
    aws: Any,
    send: Send,
    api: str,
    client: Client,
) -> None:
    own = {"Origin": aws.url, "Referer": f"{aws.url}{api}/page", "Sec_Fetch_Site": "same-origin"}

    assert send("POST", f"{api}/shut", b"{}", **own)[0] == 200
    assert send("GET", "/2015-03-31/functions", Authorization=signed("lambda"), **own)[0] == 403
    assert (
        send("POST", "/", b"{}", Authorization=signed("ssm"), X_Amz_Target="AmazonSSM.GetParameters", **own)[0] == 403
    )


def test_a_function_url_is_open_to_the_origins_of_its_configuration(
    send: Send,
    client: Client,
    function: Callable[..., str],
) -> None:
    arn = function(PAGE)
    made = client("lambda").create_function_url_config(
        FunctionName=arn, AuthType="NONE", Cors={"AllowOrigins": [APP], "AllowMethods": ["POST"]}
    )
    url_id = made["FunctionUrl"].split("//")[1].partition(".")[0]

    assert send("POST", f"/_aws/lambda-url/{url_id}/", b"{}", Origin=APP)[::2] == (200, b"called")
    assert send("POST", f"/_aws/lambda-url/{url_id}/", b"{}", Origin=EVIL)[0] == 403

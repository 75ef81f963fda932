"""Which credentials count, and what is served without any: as on AWS, but for keys in the header."""

import base64
import json
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

from .conftest import REGION, Client, Send, policy, zipped


def in_query(service: str, key: str = "AKIAEXAMPLEEXAMPLEXX") -> list[str]:
    """The ways to name a key in a query string."""
    scope = quote(f"{key}/20261201/{REGION}/{service}/aws4_request", safe="")
    named = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}"
    return [
        named,
        f"{named}&X-Amz-Date=20261201T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0",
        f"X-Amz-Credential={scope}",
        f"x-amz-credential={scope}",
        f"AWSAccessKeyId={key}",
        f"AWSAccessKeyId={key}&Signature=x&Expires=4000000000",
        "",
    ]


@pytest.mark.parametrize("authorization", [None, "Basic eDp5", "Bearer x"])
@pytest.mark.parametrize("query", [*in_query("lambda"), *in_query("lambda", "test"), *in_query("lambda", "0" * 12)])
def test_no_function_is_made_with_a_key_that_does_not_verify(
    send: Send, client: Client, role: Any, name: str, query: str, authorization: str | None
) -> None:
    body = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": role("lambda.amazonaws.com"),
        "Handler": "app.handler",
        "Code": {"ZipFile": base64.b64encode(zipped(app="")).decode()},
    }
    headers = {"Authorization": authorization} if authorization else {}

    status, answered, text = send("POST", f"/2015-03-31/functions?{query}", json.dumps(body), **headers)

    assert status == 403
    assert json.loads(text)["__type"] in (
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    )
    assert not [header for header in answered if header.startswith("access-control")]
    with pytest.raises(client("lambda").exceptions.ResourceNotFoundException):
        client("lambda").get_function(FunctionName=name)


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("apigateway", "/apikeys?includeValues=true"),
        ("iam", "/?Action=CreateUser&Version=2010-05-08&UserName="),
        ("sns", "/?Action=CreateTopic&Version=2010-03-31&Name="),
        ("sqs", "/?Action=CreateQueue&Version=2012-11-05&QueueName="),
        ("ec2", "/?Action=DescribeVpcs&Version=2016-11-15&x="),
        ("cloudformation", "/?Action=DescribeStacks&Version=2010-05-15&x="),
        ("sts", "/?Action=GetCallerIdentity&Version=2011-06-15&x="),
        ("batch", "/v1/describejobqueues?x="),
        ("sagemaker", "/endpoints/x/invocations?x="),
        ("scheduler", "/schedules?x="),
    ],
)
@pytest.mark.parametrize("authorization", [None, "Basic eDp5"])
def test_a_key_that_does_not_verify_is_none_at_every_service(
    send: Send, name: str, service: str, path: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answers = [send("GET", f"{path}{name}&{query}", **headers) for query in in_query(service)]

    assert [status for status, _, _ in answers if status < 400] == []


def test_what_the_emulator_knows_no_action_of_is_not_served_unsigned(send: Send) -> None:
    # A path that no action belongs to, a preflight of a service, and the sign-in pages of a service that is shut.
    for method, path in (("GET", "/clusters"), ("OPTIONS", "/2015-03-31/functions"), ("GET", "/oauth2/authorize")):
        status, headers, text = send(method, path)
        assert (status, json.loads(text)["__type"]) == (403, "MissingAuthenticationTokenException")
        assert "access-control-allow-origin" not in headers


@pytest.fixture
def bucket(client: Client, name: str) -> str:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="kept", Body=b"precious")
    return name


@pytest.mark.parametrize("query", in_query("s3"))
def test_objects_are_neither_read_nor_changed_with_a_key_that_does_not_verify(
    send: Send, client: Client, bucket: str, query: str
) -> None:
    answers = [
        send("GET", f"/{bucket}/kept?{query}"),
        send("PUT", f"/{bucket}/kept?{query}", b"changed"),
        send("DELETE", f"/{bucket}/kept?{query}"),
        send("GET", f"/?{query}"),
        send("PUT", f"/{bucket}-mine?{query}"),
    ]

    assert {status for status, _, _ in answers} <= {400, 403}
    assert not [text for _, _, text in answers if b"precious" in text or bucket.encode() + b"</Name>" in text]
    assert client("s3").get_object(Bucket=bucket, Key="kept")["Body"].read() == b"precious"
    assert f"{bucket}-mine" not in [each["Name"] for each in client("s3").list_buckets()["Buckets"]]


def test_presigned_urls_and_forms_count_only_with_keys_that_were_issued(
    send: Send, client: Client, bucket: str, name: str
) -> None:
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="own",
        PolicyDocument=policy({"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}),
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = client("sts").get_session_token()["Credentials"]
    issued = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    temporary = client("s3", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])

    def follow(s3: Any, changed: str = "") -> tuple[int, bytes]:
        url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "kept"}))
        status, _, text = send("GET", f"{url.path}{changed}?{url.query}")
        return status, text

    def post(s3: Any) -> int:
        fields = {**s3.generate_presigned_post(bucket, "posted")["fields"], "file": "x"}
        parts = [f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{text}\r\n' for n, text in fields.items()]
        return send(
            "POST", f"/{bucket}", "".join([*parts, "--x--\r\n"]), Content_Type="multipart/form-data; boundary=x"
        )[0]

    assert follow(issued) == follow(temporary) == (200, b"precious")
    assert b"<Code>SignatureDoesNotMatch<" in follow(issued, changed="2")[1]
    assert b"<Code>InvalidAccessKeyId<" in follow(client("s3"))[1]
    assert post(client("s3")) == 403
    assert "posted" not in str(client("s3").list_objects_v2(Bucket=bucket))
    assert post(issued) == 204


def test_what_aws_serves_unsigned_is_served(send: Send, client: Client, bucket: str) -> None:
    s3 = client("s3")
    s3.delete_public_access_block(Bucket=bucket)
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(public))
    federated = urlencode({"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"})

    assert send("GET", f"/{bucket}/kept")[::2] == (200, b"precious")
    assert b"MissingAuthenticationToken" not in send("GET", f"/?{federated}")[2]


def test_any_key_in_the_header_is_the_accounts_root(client: Client) -> None:
    for key in ("test", "AKIAEXAMPLEEXAMPLEXX", "dummy"):
        assert client("sts", key, "whatever").get_caller_identity()["Arn"].endswith(":root")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client("sts", "ASIAEXAMPLEEXAMPLEXX", "whatever").get_caller_identity()


def test_code_is_downloaded_by_the_link_that_lambda_gives_and_by_no_other(
    send: Send, client: Client, function: Any, name: str
) -> None:
    function("SECRET = 1")
    link = client("lambda").get_function(FunctionName=name)["Code"]["Location"]
    path = urlsplit(link).path

    with urllib.request.urlopen(link, timeout=10) as answer:
        assert b"SECRET = 1" in answer.read()
    for guess in (path, f"{path}?X-Amz-Signature=ministack-local-presigned", f"{path}x?{urlsplit(link).query}"):
        status, _, text = send("GET", guess)
        assert (status, b"SECRET" in text) == (403, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/health"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_localstack/health"),
        ("GET", "/_ministack/cfn-response/x"),
        ("POST", "/%5Fministack/reset"),
    ],
)
def test_internal_paths_are_shut_also_for_who_signs(
    send: Send, client: Client, bucket: str, method: str, path: str
) -> None:
    header = f"AWS4-HMAC-SHA256 Credential=test/20261201/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"

    assert [send(method, path)[0], send(method, path, Authorization=header)[0]] == [403, 403]
    assert client("s3").get_object(Bucket=bucket, Key="kept")["Body"].read() == b"precious"


def test_a_bucket_may_be_called_health(client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="health")

    assert s3.list_objects_v2(Bucket="health")["KeyCount"] == 0


def test_the_registry_asks_for_the_password_that_ecr_gives(send: Send, client: Client, name: str) -> None:
    client("ecr").create_repository(repositoryName=name)
    token = client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]

    status, headers, _ = send("POST", f"/v2/{name}/blobs/uploads/")
    wrong = send("POST", f"/v2/{name}/blobs/uploads/", Authorization="Basic eDp5")
    right = send("POST", f"/v2/{name}/blobs/uploads/", Authorization=f"Basic {token}")

    assert (status, headers["www-authenticate"].split()[0]) == (401, "Basic")
    assert (wrong[0], right[0]) == (401, 202)

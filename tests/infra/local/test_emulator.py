"""The seam: names are checked, services stand beside the emulator's, callers are who they should be."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.authorization import glue, logs, ssm
from infra.local.emulator import private_names
from infra.local.emulator.snapshots import STAGE, STAGED, recover
from infra.local.errors import EmulatorChangedError
from infra.local.wire import Request

from .conftest import policy
from .image_world import manifest


def test_an_upgrade_that_renames_names_is_refused_with_all_of_them() -> None:
    with pytest.raises(EmulatorChangedError) as raised:
        private_names.check({"core.router": ("SERVICE_PATTERNS", "gone"), "services.nowhere": ("anything",)})

    assert raised.value.missing == ["ministack.core.router.gone", "ministack.services.nowhere"]


@pytest.mark.parametrize("access_key", ["test", "AKIAIOSFODNN7EXAMPLE", "dummy"])
@pytest.mark.parametrize("token", [None, "dummy-token"])
def test_any_dummy_key_acts_as_the_root_of_the_account(client: Any, access_key: str, token: str | None) -> None:
    identity = client("sts", access_key, "any secret", token).get_caller_identity()

    assert identity["Arn"] == "arn:aws:iam::000000000000:root"
    client("s3", access_key, "any secret", token).list_buckets()


def test_a_key_of_twelve_digits_acts_in_an_account_of_its_own(client: Any, name: str) -> None:
    client("ssm").put_parameter(Name=f"/{name}", Value="1", Type="String")

    with pytest.raises(ClientError, match="ParameterNotFound"):
        client("ssm", "123456789012", "x").get_parameter(Name=f"/{name}")


def test_an_unknown_session_key_is_refused(client: Any) -> None:
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client("s3", "ASIAQQQQQQQQQQQQQQQQ", "x", "forgotten").list_buckets()


def test_an_assumed_role_may_do_only_what_its_policies_allow(client: Any, role: Any, name: str) -> None:
    ssm = client("ssm")
    ssm.put_parameter(Name=f"/{name}/open", Value="1", Type="String")
    ssm.put_parameter(Name=f"/{name}/shut", Value="1", Type="String")
    allowed = f"arn:aws:ssm:us-east-1:000000000000:parameter/{name}/open"
    arn = role("states.amazonaws.com", {"Effect": "Allow", "Action": "ssm:GetParameter*", "Resource": allowed})
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    restricted = client("ssm", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    assert restricted.get_parameters(Names=[f"/{name}/open"])["Parameters"][0]["Value"] == "1"
    for names in ([f"/{name}/shut"], [f"/{name}/open", f"/{name}/shut"]):
        with pytest.raises(ClientError, match="AccessDenied"):
            restricted.get_parameters(Names=names)


def test_a_missing_bucket_is_named_to_a_role_that_may_not_read_it(client: Any, role: Any, name: str) -> None:
    client("s3").create_bucket(Bucket=f"{name}-there")
    keys = client("sts").assume_role(RoleArn=role("lambda.amazonaws.com"), RoleSessionName="session")["Credentials"]
    s3 = client("s3", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=f"{name}-missing")
    for call in (s3.list_objects_v2, s3.delete_bucket):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Bucket=f"{name}-there")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.create_bucket(Bucket=f"{name}-new")


def test_an_iam_user_keeps_its_own_permissions_and_its_signature_is_checked(client: Any, name: str) -> None:
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3", key["AccessKeyId"], key["SecretAccessKey"]).list_buckets()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client("s3", key["AccessKeyId"], "wrong").list_buckets()


def test_a_bucket_that_demands_tls_can_be_used_over_loopback(client: Any, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=name, Policy=policy(tls_only))

    s3.put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_services_that_nobody_supplies_are_refused(aws: Any) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    cognito = boto3.client("cognito-idp", endpoint_url=aws.url, region_name="us-east-1", **keys)

    with pytest.raises(ClientError):
        cognito.list_user_pools(MaxResults=1)


def test_ecr_says_which_image_is_missing(client: Any, name: str) -> None:
    ecr = client("ecr")
    ecr.create_repository(repositoryName=name)
    ecr.put_image(repositoryName=name, imageTag="there", imageManifest=manifest())

    assert ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "there"}])["imageDetails"]
    with pytest.raises(ecr.exceptions.ImageNotFoundException, match="not-there"):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "there"}, {"imageTag": "not-there"}])


def request(target: str, **members: Any) -> Request:
    headers = {"x-amz-target": target}
    return Request("POST", "/", headers, json.dumps(members).encode(), {}, "1" * 12, "eu-west-1")


@pytest.mark.parametrize(
    ("derive", "call", "resources"),
    [
        (glue, request("AWSGlue.StartCrawler", Name="c"), ["glue:R:A:crawler/c"]),
        (
            glue,
            request("AWSGlue.CreateTable", DatabaseName="d", TableInput={"Name": "t"}),
            ["glue:R:A:catalog", "glue:R:A:database/d", "glue:R:A:table/d/t"],
        ),
        (glue, request("AWSGlue.GetDatabase", Name="d"), ["glue:R:A:catalog", "glue:R:A:database/d"]),
        (
            logs,
            request("Logs_20140328.PutLogEvents", logGroupName="/g", logStreamName="s"),
            ["logs:R:A:log-group:/g:log-stream:s"],
        ),
        (ssm, request("AmazonSSM.GetParametersByPath", Path="/p/"), ["ssm:R:A:parameter/p/"]),
    ],
)
def test_calls_are_authorized_on_what_they_are_about(derive: Any, call: Request, resources: list[str]) -> None:
    expected = [
        r if r.startswith("arn:") else f"arn:aws:{r}".replace(":R:A:", f":eu-west-1:{'1' * 12}:") for r in resources
    ]

    assert derive(call) == expected


def test_a_snapshot_whose_saving_was_cut_short_is_discarded(tmp_path: Path) -> None:
    (tmp_path / "s3.json").write_text('"old"')
    (tmp_path / STAGE).mkdir()
    (tmp_path / STAGE / "s3.json").write_text('"new, but other services are missing')

    recover(tmp_path)

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("s3.json", '"old"')]


def test_a_snapshot_whose_publishing_was_cut_short_is_completed(tmp_path: Path) -> None:
    (tmp_path / "s3.json").write_text('"new"')
    (tmp_path / "ssm.json").write_text('"old"')
    (tmp_path / STAGE).mkdir()
    (tmp_path / STAGE / "ssm.json").write_text('"new"')
    (tmp_path / STAGE / STAGED).touch()

    recover(tmp_path)

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"s3.json": '"new"', "ssm.json": '"new"'}


@pytest.mark.parametrize("versioned", [False, True])
def test_a_range_of_an_object_or_of_its_version_is_that_range(client: Any, name: str, versioned: bool) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    body = bytes(range(256)) * 1000
    put = s3.put_object(Bucket=name, Key="k", Body=body)
    version = {"VersionId": put["VersionId"]} if versioned else {}

    def read(wanted: str) -> tuple[bytes, str]:
        answer = s3.get_object(Bucket=name, Key="k", Range=wanted, **version)
        return answer["Body"].read(), answer["ContentRange"]

    assert read("bytes=100-299") == (body[100:300], "bytes 100-299/256000")
    assert read("bytes=255990-") == (body[255990:], "bytes 255990-255999/256000")
    assert read("bytes=-8") == (body[-8:], "bytes 255992-255999/256000")
    with pytest.raises(ClientError, match="InvalidRange"):
        read("bytes=256000-")


def test_an_object_of_which_nothing_is_told_has_the_default_type_and_encryption(client: Any, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)

    written = s3.put_object(Bucket=name, Key="a/plain", Body=b"x")
    s3.put_object(Bucket=name, Key="told", Body=b"x", ContentType="text/plain", ServerSideEncryption="aws:kms")

    assert written["ServerSideEncryption"] == "AES256"
    plain, told = (s3.head_object(Bucket=name, Key=key) for key in ("a/plain", "told"))
    assert (plain["ContentType"], plain["ServerSideEncryption"]) == ("binary/octet-stream", "AES256")
    assert (told["ContentType"], told["ServerSideEncryption"]) == ("text/plain", "aws:kms")


def test_an_object_that_cannot_be_written_is_refused(client: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ministack.services.s3._atomic_write", full)
    monkeypatch.setattr(s3.meta.config, "retries", {"total_max_attempts": 1}, raising=False)
    with pytest.raises(ClientError, match="No space left on device"):
        s3.put_object(Bucket=name, Key="k", Body=b"x")


def test_every_version_keeps_its_body(client: Any, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"before versioning")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first, second = (s3.put_object(Bucket=name, Key="k", Body=body)["VersionId"] for body in (b"first", b"second"))

    def body(**version: str) -> bytes:
        read: bytes = s3.get_object(Bucket=name, Key="k", **version)["Body"].read()
        return read

    assert body() == b"second"
    assert [body(VersionId=v) for v in ("null", first, second)] == [b"before versioning", b"first", b"second"]
    s3.delete_object(Bucket=name, Key="k")
    assert body(VersionId=second) == b"second"
    s3.delete_object(Bucket=name, Key="k", VersionId=second)
    assert body(VersionId=first) == b"first"

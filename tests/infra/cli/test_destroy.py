from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.naming import SECTIONS, Names
from tests.infra.cli.conftest import ACCOUNT, NAMES, REGION, Said
from tests.infra.cli.fake_stacks import FakeCloudFormation

STORAGE = NAMES.stack("storage")
COMPUTE = [NAMES.stack(section) for section in reversed(SECTIONS) if section != "storage"]
PROD = Names("prod", REGION, ACCOUNT)


@pytest.fixture
def everything(stacks: FakeCloudFormation, fake_cdk: Callable[..., None]) -> FakeCloudFormation:
    """All stacks of dev with data in them, and beside them data of prod and of somebody else."""
    fake_cdk()
    for section in SECTIONS:
        stacks.add(NAMES.stack(section))
    stacks.add(NAMES.stack("api"), {"Role": ("AWS::IAM::Role", "logging-role")}, retained=("Role",))
    s3, kms = client("s3"), client("kms")
    for bucket in (*(NAMES.bucket(p) for p in ("models", "access-logs")), PROD.bucket("models"), "somebody-elses"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for bucket in (NAMES.bucket("models"), NAMES.bucket("data"), PROD.bucket("models"), "somebody-elses"):
        for body in (b"1", b"2"):
            s3.put_object(Bucket=bucket, Key="key", Body=body)
    s3.delete_object(Bucket=NAMES.bucket("models"), Key="key")
    for table, protected in ((NAMES.table, True), (PROD.table, False)):
        client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "predictionId", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "predictionId", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=protected,
        )
    for alias in (NAMES.key_alias("data"), PROD.key_alias("data")):
        kms.create_alias(AliasName=alias, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    for version, names in (("ours", NAMES), ("of-prod", PROD)):
        metadata = {"artifact": f"s3://{names.bucket('models')}/versions/{version}/model.tar.gz"}
        put_parameter(f"/ml-pipeline/models/versions/{version}/metadata", json.dumps(metadata))
    put_parameter("/ml-pipeline/models/active-version", "ours")
    return stacks


def client(service: str) -> Any:
    return boto3.client(service, REGION)  # type: ignore[call-overload]


def put_parameter(name: str, value: str) -> None:
    client("ssm").put_parameter(Name=name, Value=value, Type="String")


def parameters() -> set[str]:
    listed = client("ssm").get_parameters_by_path(Path="/ml-pipeline/models", Recursive=True)["Parameters"]
    return {parameter["Name"] for parameter in listed}


def buckets() -> set[str]:
    return {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}


def key_state(alias: str) -> str:
    return str(client("kms").describe_key(KeyId=alias)["KeyMetadata"]["KeyState"])


def destroyed(home: Path) -> list[list[str]]:
    """Stacks that each call of `cdk destroy` named."""
    file = home / "calls"
    calls = file.read_text().splitlines() if file.exists() else []
    return [line.split(" --")[0].split()[1:] for line in calls if line.startswith("destroy")]


def test_data_and_its_stack_are_kept_and_told(
    everything: FakeCloudFormation, call: Callable[..., Said], home: Path
) -> None:
    before = buckets(), parameters()

    said = call("destroy", "--yes", "--json")

    assert said.code == 0, said.err
    assert destroyed(home) == [COMPUTE], "what stands on others first"
    assert (buckets(), parameters()) == before
    kept = {(each["what"], each["name"]) for each in said.json()["kept"]}
    assert {("stack", STORAGE), ("table", NAMES.table), ("AWS::IAM::Role", "logging-role")} <= kept
    assert ("bucket", NAMES.bucket("models")) in kept
    assert said.json()["deleted"] == []


def test_with_its_flag_the_data_goes_and_nothing_of_anyone_else(
    everything: FakeCloudFormation, call: Callable[..., Said], home: Path
) -> None:
    said = call("destroy", "--delete-data", "--yes", "--json")

    assert said.code == 0, said.err
    assert destroyed(home) == [COMPUTE, [STORAGE]]
    assert buckets() == {PROD.bucket("models"), "somebody-elses"}
    assert len(client("s3").list_object_versions(Bucket=PROD.bucket("models"))["Versions"]) == 2
    assert client("dynamodb").list_tables()["TableNames"] == [PROD.table]
    assert (key_state(NAMES.key_alias("data")), key_state(PROD.key_alias("data"))) == ("PendingDeletion", "Enabled")
    assert parameters() == {"/ml-pipeline/models/versions/of-prod/metadata"}
    deleted = {each["name"] for each in said.json()["deleted"]}
    assert {NAMES.bucket("models"), NAMES.bucket("data"), NAMES.table} <= deleted


def test_an_active_version_of_another_environment_stays(
    everything: FakeCloudFormation, call: Callable[..., Said]
) -> None:
    client("ssm").put_parameter(Name="/ml-pipeline/models/active-version", Value="of-prod", Overwrite=True)

    call("destroy", "--delete-data", "--yes")

    assert "/ml-pipeline/models/active-version" in parameters()


def test_it_goes_on_where_it_was_interrupted(
    everything: FakeCloudFormation, call: Callable[..., Said], home: Path
) -> None:
    for stack in [*COMPUTE, STORAGE]:
        del everything.stacks[stack]
    client("dynamodb").delete_table(TableName=PROD.table)

    said = call("destroy", "--delete-data", "--yes")

    assert said.code == 0, said.err
    assert destroyed(home) == [], "no stack is left"
    assert not {name for name in buckets() if "-dev-" in name}
    again = call("destroy", "--delete-data", "--yes")
    assert again.code == 0
    assert "nothing to delete" in again.out


def test_without_a_terminal_it_must_be_told_to_go_on(
    everything: FakeCloudFormation, call: Callable[..., Said], home: Path
) -> None:
    said = call("destroy", "--delete-data")

    assert said.code == 2
    assert "--yes" in said.err
    assert destroyed(home) == []
    assert NAMES.bucket("models") in buckets()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "calls"), [("dev", 0, [COMPUTE]), ("prod", 2, []), ("y", 2, []), ("", 2, [])]
)
def test_on_a_terminal_the_name_of_the_environment_must_be_typed(
    everything: FakeCloudFormation,
    call: Callable[..., Said],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    code: int,
    calls: list[list[str]],
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))

    said = call("destroy")

    assert said.code == code, said.err
    assert ACCOUNT in said.out, "which account is shown before"
    assert destroyed(home) == calls


def test_a_bucket_whose_objects_may_not_be_deleted_is_named(
    everything: FakeCloudFormation, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.cli.terminal.target import Target

    real = Target.client

    def refusing(target: Target, service: str) -> Any:
        made = real(target, service)
        if service == "s3":
            errors = [{"Key": "key", "Code": "AccessDenied", "Message": "Access Denied"}]
            made.delete_objects = lambda **_: {"Errors": errors}
        return made

    monkeypatch.setattr(Target, "client", refusing)

    said = call("destroy", "--delete-data", "--yes")

    assert said.code == 1
    assert f"key in {NAMES.bucket('data')} cannot be deleted: Access Denied" in said.err

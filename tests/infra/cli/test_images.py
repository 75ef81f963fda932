"""Images of a deployment to an account: no stack is touched before they are in ECR in the form that SageMaker runs."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.cli.stacks.cdk import Cdk
from infra.cli.terminal.target import Target
from tests.infra.cli.conftest import ACCOUNT, REGION, Said, write_assembly
from tests.infra.cli.fake_stacks import FakeCloudFormation

SCHEMA_2 = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"
GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
BATCH = "ml-pipeline-batch-dev-us-east-1"
REPOSITORY = f"images-{ACCOUNT}-{REGION}"
IMAGE = {
    "hash": {
        "destinations": {
            "there": {"repositoryName": "images-${AWS::AccountId}-${AWS::Region}", "imageTag": "hash"},
        }
    }
}


def put(form: str, layer: str = GZIP) -> None:
    layers = [{"mediaType": layer, "size": 1, "digest": f"sha256:{'1' * 64}"}]
    manifest = {"schemaVersion": 2, "mediaType": form, "layers": layers, "config": {"size": 1}}
    boto3.client("ecr", REGION).put_image(
        repositoryName=REPOSITORY,
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=form,
        imageTag="hash",
    )


def calls(home: Path) -> list[str]:
    file = home / "calls"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(autouse=True)
def account(stacks: FakeCloudFormation, fake_cdk: Callable[..., None], home: Path) -> None:
    """An account that can be deployed to, with a repository and no image in it."""
    stacks.bootstrap()
    boto3.client("ecr", REGION).create_repository(repositoryName=REPOSITORY)
    write_assembly(home, {BATCH: []}, images={BATCH: IMAGE})


@pytest.fixture
def engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = home / "engine"
    program.write_text("#!/bin/sh\necho 'Docker version 29.0.4, build 3247a5a'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CDK_DOCKER", str(program))


@pytest.fixture
def pushing(monkeypatch: pytest.MonkeyPatch, engine: None) -> Callable[..., None]:
    """Lets the CDK push what a test wants; the real CDK does it in a process that this ECR is not in."""
    publish = Cdk.publish

    def install(form: str, layer: str = GZIP) -> None:
        def push(cdk: Cdk, stacks: list[str]) -> None:
            publish(cdk, stacks)
            put(form, layer)

        monkeypatch.setattr(Cdk, "publish", push)

    return install


def test_images_are_pushed_before_any_stack_is_deployed(
    fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, pushing: Callable[..., None]
) -> None:
    fake_cdk()
    pushing(SCHEMA_2)

    said = call("deploy", "batch")

    assert said.code == 0, said.err
    assert calls(home) == ["synth", "publish-assets", "deploy"]
    assert f"publish-assets {BATCH} --unstable publish-assets --app" in (home / "calls").read_text()


@pytest.mark.parametrize(
    ("form", "layer", "named"),
    [(OCI, GZIP, OCI), (INDEX, GZIP, INDEX), (SCHEMA_2, ZSTD, ZSTD)],
)
def test_what_sagemaker_refuses_is_told_before_any_stack_is_deployed(
    fake_cdk: Callable[..., None],
    call: Callable[..., Said],
    home: Path,
    pushing: Callable[..., None],
    form: str,
    layer: str,
    named: str,
) -> None:
    fake_cdk()
    pushing(form, layer)

    said = call("deploy")

    assert said.code == 2
    assert f"was pushed by Docker version 29.0.4, build 3247a5a as {named}" in said.err
    assert f"--repository-name {REPOSITORY} --image-ids imageTag=hash" in said.err.replace("\n", " ")
    assert "docker buildx create --use --driver docker-container" in said.err.replace("\n", " ")
    assert calls(home) == ["synth", "publish-assets"]


def test_an_image_of_an_earlier_attempt_is_told_with_the_way_to_get_rid_of_it(
    fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, pushing: Callable[..., None]
) -> None:
    fake_cdk()
    put(INDEX)

    said = call("deploy")

    assert said.code == 2
    assert f"is there already as {INDEX}" in said.err
    assert "aws ecr batch-delete-image --region us-east-1" in said.err.replace("\n", " ")
    assert calls(home) == ["synth"], "nothing is built for an image that cannot be pushed"
    boto3.client("ecr", REGION).batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "hash"}])
    pushing(SCHEMA_2)
    assert call("deploy").code == 0


def test_an_image_that_the_engine_may_not_push_is_told_in_its_own_words(
    fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, engine: None
) -> None:
    refused = f"image refused: Docker version 29.0.4, build 3247a5a made a:b as {OCI}, and so on. Run `this`."
    fake_cdk(f"[ $1 = deploy ] || {{ echo 'fail: docker push a:b exited with error code 1: {refused}' >&2; exit 1; }}")

    said = call("deploy")

    assert said.code == 2
    assert f"Docker version 29.0.4, build 3247a5a made a:b as {OCI}, and so on." in said.err.replace("\n", " ")
    assert "docker push" not in said.err
    assert "Run `this`." in said.err
    assert "deploy" not in calls(home)


def test_an_image_that_did_not_arrive_is_told(
    fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, engine: None
) -> None:
    fake_cdk()

    said = call("deploy")

    assert said.code == 1
    assert "is not in ECR" in said.err
    assert "deploy" not in calls(home)


def test_images_that_we_may_not_look_at_are_not_taken_for_good(
    fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_cdk()
    put(SCHEMA_2)
    ecr = boto3.client("ecr", REGION)

    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "DescribeImages")

    monkeypatch.setattr(ecr, "describe_images", denied)
    real = Target.client
    monkeypatch.setattr(Target, "client", lambda self, service: ecr if service == "ecr" else real(self, service))

    said = call("deploy")

    assert said.code == 3
    assert "ecr:DescribeImages" in said.err
    assert "deploy" not in calls(home)

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from infra.cli.stacks import readiness
from tests.infra.cli.conftest import ACCOUNT, REGION, Said, write_assembly
from tests.infra.cli.fake_stacks import FakeCloudFormation

MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}'
IMAGE = {"hash": {"destinations": {"there": {"repositoryName": "images-${AWS::AccountId}", "imageTag": "hash"}}}}


def calls(home: Path) -> str:
    file = home / "calls"
    return file.read_text() if file.exists() else ""


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DOCKER", "no-such-docker")


def test_a_deployment_tells_what_became_of_each_stack_and_how_long_it_took(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said]
) -> None:
    stacks.bootstrap()
    fake_cdk()

    said = call("deploy", "--json")

    assert said.code == 0, said.err
    result = said.json()
    assert result["environment"] == "dev"
    assert result["stacks"]["ml-pipeline-storage"]["outcome"] == "done"
    assert 0 < result["synthesisSeconds"] < result["seconds"]
    assert "ml-pipeline-storage" in said.err


def test_an_account_without_bootstrap_is_told_before_the_templates_are_built(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk()

    said = call("deploy")

    assert said.code == 3
    assert f"cdk bootstrap aws://{ACCOUNT}/{REGION}" in said.err
    assert "--bootstrap" in said.err
    assert calls(home) == ""


def test_an_old_bootstrap_is_told_before_anything_is_deployed(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    stacks.bootstrap(version=5)
    write_assembly(home, {"ml-pipeline-storage": []}, bootstrap=6)
    fake_cdk()

    said = call("deploy")

    assert said.code == 3
    assert "version 5" in said.err
    assert "6 is needed" in said.err
    assert "deploy" not in calls(home)


def test_bootstrapping_an_account_must_be_asked_for(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk()

    assert call("deploy", "--bootstrap").code == 0

    assert [line.split()[0] for line in calls(home).splitlines()] == ["synth", "bootstrap", "deploy"]


def test_a_bootstrap_that_is_new_enough_is_left_alone(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    stacks.bootstrap(version=6)
    write_assembly(home, {"ml-pipeline-storage": []}, bootstrap=6)
    fake_cdk()

    assert call("deploy", "--bootstrap").code == 0

    assert "bootstrap" not in calls(home).split()


def test_images_need_docker_on_aws(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, no_docker: None
) -> None:
    stacks.bootstrap()
    batch, workflows = "ml-pipeline-batch-dev-us-east-1", "ml-pipeline-workflows-dev-us-east-1"
    write_assembly(home, {batch: [], workflows: [batch]}, images={batch: IMAGE})
    fake_cdk()

    said = call("deploy", "workflows")

    assert said.code == 3, "the stack that it depends on has the image"
    assert "no-such-docker" in said.err
    assert "deploy" not in calls(home)


def test_a_docker_that_does_not_answer_is_told_with_its_own_words(
    stacks: FakeCloudFormation,
    fake_cdk: Callable[..., None],
    call: Callable[..., Said],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    docker = home / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CDK_DOCKER", str(docker))
    stacks.bootstrap()
    write_assembly(home, {"ml-pipeline-batch-dev-us-east-1": []}, images={"ml-pipeline-batch-dev-us-east-1": IMAGE})
    fake_cdk()

    said = call("deploy")

    assert said.code == 3
    assert "Cannot connect to the Docker daemon" in said.err


def test_an_image_that_the_account_has_needs_no_docker(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, no_docker: None
) -> None:
    stacks.bootstrap()
    ecr = boto3.client("ecr", REGION)
    ecr.create_repository(repositoryName=f"images-{ACCOUNT}")
    ecr.put_image(repositoryName=f"images-{ACCOUNT}", imageManifest=MANIFEST, imageTag="hash")
    write_assembly(home, {"ml-pipeline-batch-dev-us-east-1": []}, images={"ml-pipeline-batch-dev-us-east-1": IMAGE})
    fake_cdk()

    assert call("deploy").code == 0


def test_a_stack_without_image_needs_no_docker(
    stacks: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path, no_docker: None
) -> None:
    stacks.bootstrap()
    batch, storage = "ml-pipeline-batch-dev-us-east-1", "ml-pipeline-storage-dev-us-east-1"
    write_assembly(home, {batch: [], storage: []}, images={batch: IMAGE})
    fake_cdk()

    assert call("deploy", "storage").code == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ('{"context": {"ml-pipeline": {"defaults": {}, "environments": {"dev": {}, "dev": {}}}}}', "'dev'"),
        ('{"context": {"ml-pipeline": {"defaults": {}, "environments": {"dev": {}}}}}', "Setting"),
        ("{oops", "JSON"),
    ],
)
def test_settings_are_refused_before_the_templates_are_built(
    stacks: FakeCloudFormation,
    fake_cdk: Callable[..., None],
    call: Callable[..., Said],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: str,
    named: str,
) -> None:
    fake_cdk()
    (home / "infra" / "cdk.json").write_text(settings)
    monkeypatch.setattr(readiness, "SOURCE_ROOT", home)

    said = call("deploy")

    assert said.code == 2
    assert named in said.err
    assert "cdk.json" in said.err
    assert calls(home) == ""


def test_naming_stacks_beside_all_is_refused(call: Callable[..., Said]) -> None:
    assert call("deploy", "storage", "--all").code == 2

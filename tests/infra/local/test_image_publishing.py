"""The real CDK publishes an image as for an account: through what stands before the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.cli.stacks.cdk import Cdk
from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import Target
from infra.local import docker_stand_in
from infra.local.image_manifests import OCI_MANIFEST, SCHEMA_2
from infra.parts.image import OUTPUT

from .conftest import ACCOUNT, REGION


def write_assembly(folder: Path, repository: str, outputs: list[str]) -> None:
    """Write a stack with one image, as `cdk synth` writes it."""
    (folder / "asset").mkdir(parents=True)
    (folder / "asset" / "Dockerfile").write_text("FROM scratch\n")
    source = {"directory": "asset", "platform": "linux/amd64", "dockerOutputs": outputs}
    destination = {"repositoryName": repository, "imageTag": "tag", "region": REGION}
    images = {"1": {"source": source, "destinations": {"here": destination}}}
    artifacts = {
        "one.assets": {"type": "cdk:asset-manifest", "properties": {"file": "one.assets.json"}},
        "one": {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{ACCOUNT}/{REGION}",
            "properties": {"templateFile": "one.template.json"},
            "dependencies": ["one.assets"],
        },
    }
    for name, document in {
        "manifest": {"version": "38.0.0", "artifacts": artifacts},
        "one.assets": {"version": "38.0.0", "files": {}, "dockerImages": images},
        "one.template": {"Resources": {}},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.fixture
def publish(aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[str]], None]:
    """Publishes an image as to an account, with an engine whose images have the form that current engines give them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engine").mkdir()
    for variable, value in {
        **docker_stand_in.write_launcher(tmp_path / "engine"),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(variable, value)

    def publish(repository: str, outputs: list[str]) -> None:
        with Children() as children:
            cdk = Cdk(Target(None, REGION, "dev"), children)
            write_assembly(cdk.assembly.folder, repository, outputs)
            cdk.publish(["one"])

    return publish


@pytest.fixture
def ecr(client: Callable[..., Any], name: str) -> Any:
    registry = client("ecr")
    registry.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    return registry


def test_an_image_as_ours_are_built_is_pushed(ecr: Any, name: str, publish: Callable[[str, list[str]], None]) -> None:
    publish(name, [OUTPUT])

    (image,) = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "tag"}])["imageDetails"]
    assert image["imageManifestMediaType"] == SCHEMA_2


def test_an_image_as_engines_build_by_themselves_is_not_pushed(
    ecr: Any, name: str, publish: Callable[[str, list[str]], None]
) -> None:
    with pytest.raises(RefusedError) as refused:
        publish(name, [])

    assert refused.value.problem.startswith(f"{docker_stand_in.VERSION} made ")
    assert f"{name}:tag as {OCI_MANIFEST}" in refused.value.problem
    assert "docker buildx create" in refused.value.remedy
    assert ecr.describe_images(repositoryName=name)["imageDetails"] == []

"""The stand-in for docker: it builds nothing, but what it says about images is true."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.local import docker_stand_in
from infra.local.docker_stand_in import IMAGES, main, write_launcher
from infra.local.image_manifests import OCI_INDEX, OCI_MANIFEST, SCHEMA_2


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(IMAGES, str(tmp_path / "images.json"))
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.11\nCOPY app.py lib /app/\nCOPY --from=0 /x /y\n")
    (folder / "app.py").write_text("1")
    (folder / "lib").mkdir()
    return folder


def build(context: Path, tag: str = "cdkasset-1") -> int:
    return main(["build", "--tag", tag, "--platform", "linux/amd64", "--file", "Dockerfile", str(context)])


def image(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["inspect", name]) == 0
    return str(json.loads(capsys.readouterr().out)[0]["Id"])


def test_an_image_is_the_digest_of_its_context(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "cdkasset-1"]) == 1
    assert build(context) == 0
    assert "not building" in capsys.readouterr().err
    first = image("cdkasset-1", capsys)

    (context / "app.py").write_text("2")
    assert build(context, "cdkasset-2") == 0

    assert image("cdkasset-2", capsys) != first


@pytest.mark.parametrize(
    ("dockerfile", "reason"),
    [
        (None, "there is no Dockerfile"),
        ("COPY app.py /\n", "names no base image"),
        ("FROM x\nCOPY missing.py \\\n  /\n", "copies missing.py"),
    ],
)
def test_a_context_that_docker_could_not_build_is_refused(
    context: Path, capsys: pytest.CaptureFixture[str], dockerfile: str | None, reason: str
) -> None:
    if dockerfile is None:
        (context / "Dockerfile").unlink()
    else:
        (context / "Dockerfile").write_text(dockerfile)

    assert build(context) == 1
    assert reason in capsys.readouterr().err
    assert main(["inspect", "cdkasset-1"]) == 1


@pytest.mark.parametrize(
    ("no_attestations", "output", "form"),
    [
        ("", "type=docker,oci-mediatypes=false", OCI_INDEX),
        ("1", "type=docker", OCI_MANIFEST),
        ("true", "type=image,oci-mediatypes=true", OCI_MANIFEST),
        ("1", "type=docker,oci-mediatypes=false,compression=gzip", SCHEMA_2),
    ],
)
def test_an_image_has_the_form_that_a_current_engine_gives_it(
    context: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    no_attestations: str,
    output: str,
    form: str,
) -> None:
    monkeypatch.setenv("BUILDX_NO_DEFAULT_ATTESTATIONS", no_attestations)

    assert main(["build", "--tag", "a", f"--output={output}", "--platform", "linux/arm64", str(context)]) == 0

    capsys.readouterr()
    assert main(["image", "inspect", "a"]) == 0
    (described,) = json.loads(capsys.readouterr().out)
    assert described["Descriptor"]["mediaType"] == form
    assert (described["Os"], described["Architecture"]) == ("linux", "arm64")


def test_an_image_that_is_not_kept_is_refused(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--tag", "a", "--output=type=registry", str(context)]) == 1
    assert "type=registry" in capsys.readouterr().err


def test_a_command_that_it_does_not_stand_in_for_fails(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "image"]) == 1
    assert "docker run image" in capsys.readouterr().err


def test_a_pushed_image_is_in_the_repository_under_its_tag(
    context: Path, aws: Any, client: Any, name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ecr = client("ecr")
    ecr.create_repository(repositoryName=name)
    environment = {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PATH": "/usr/bin:/bin",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        **write_launcher(tmp_path),
    }
    uri = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}:tag"
    commands = [["build", "--tag", "a", str(context)], ["login"], ["tag", "a", uri], ["push", uri], ["push", uri]]

    for command in commands:
        subprocess.run([environment["CDK_DOCKER"], *command], env=environment, check=True, input=b"", timeout=60)

    assert ecr.list_images(repositoryName=name)["imageIds"][0]["imageTag"] == "tag"
    manifest = json.loads(
        ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "tag"}])["images"][0]["imageManifest"]
    )
    assert manifest["config"]["digest"] == json.loads((tmp_path / "images.json").read_text())["a"]["digest"]


def test_the_stand_in_can_run_without_the_package() -> None:
    assert "from infra" not in Path(docker_stand_in.__file__).read_text()

"""The embedded ECR takes the images that ECR takes, and SageMaker and Lambda refuse what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.image_manifests import (
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA_1,
    SCHEMA_2,
    SCHEMA_2_LIST,
    InvalidManifestError,
    read_manifest,
)

from .image_world import digest, index, manifest

WITHOUT_TYPE = json.dumps({key: value for key, value in json.loads(manifest()).items() if key != "mediaType"})
DESCRIPTOR = json.loads(manifest())["config"]


@pytest.fixture
def ecr(client: Callable[..., Any], name: str) -> Any:
    registry = client("ecr")
    registry.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    return registry


def refusal(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
    """Code and message of the error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**members)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("form", [SCHEMA_2, OCI_MANIFEST])
def test_an_image_keeps_its_form(ecr: Any, name: str, form: str) -> None:
    put = ecr.put_image(repositoryName=name, imageTag="a", imageManifest=manifest(form))

    assert put["image"]["imageManifestMediaType"] == form
    (described,) = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "a"}])["imageDetails"]
    assert (described["imageManifestMediaType"], described["imageDigest"]) == (form, digest(manifest(form)))
    by_digest = [{"imageDigest": described["imageDigest"]}]
    (got,) = ecr.batch_get_image(repositoryName=name, imageIds=by_digest)["images"]
    assert (got["imageManifestMediaType"], got["imageManifest"]) == (form, manifest(form))


def test_a_manifest_that_does_not_say_its_form_takes_it_from_the_request(ecr: Any, name: str) -> None:
    put = ecr.put_image(repositoryName=name, imageManifest=WITHOUT_TYPE, imageManifestMediaType=OCI_MANIFEST)

    assert put["image"]["imageManifestMediaType"] == OCI_MANIFEST


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schemaVersion": 2}',
        pytest.param(WITHOUT_TYPE, id="no form"),
        pytest.param(manifest(mediaType="application/vnd.example+json"), id="unknown form"),
        pytest.param(manifest(schemaVersion=1), id="another schema"),
        pytest.param(manifest(config=None), id="no config"),
        pytest.param(manifest(layers={}), id="no layers"),
        pytest.param(manifest(config={**DESCRIPTOR, "digest": "sha256:1"}), id="no digest"),
        pytest.param(manifest(config={**DESCRIPTOR, "size": -1}), id="no size"),
        pytest.param(manifest(config={**DESCRIPTOR, "mediaType": 7}), id="no type"),
        pytest.param(json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX}), id="index of nothing"),
        pytest.param(json.dumps({"schemaVersion": 1, "mediaType": SCHEMA_1}), id="schema 1 without layers"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(InvalidManifestError, match="Invalid JSON syntax"):
        read_manifest(text, None)


def test_a_form_that_is_not_the_manifests_is_refused(ecr: Any, name: str) -> None:
    code, message = refusal(
        ecr.put_image, repositoryName=name, imageManifest=manifest(), imageManifestMediaType=OCI_MANIFEST
    )

    assert code == "InvalidParameterException"
    assert "'ImageManifest' failed to satisfy constraint" in message


def test_a_tag_of_a_repository_with_immutable_tags_stays_on_its_image(ecr: Any, name: str) -> None:
    ecr.put_image(repositoryName=name, imageTag="a", imageManifest=manifest(OCI_MANIFEST))

    code, message = refusal(ecr.put_image, repositoryName=name, imageTag="a", imageManifest=manifest(SCHEMA_2))

    assert code == "ImageTagAlreadyExistsException"
    assert f"The image tag 'a' already exists in the '{name}' repository" in message
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "a"}])
    ecr.put_image(repositoryName=name, imageTag="a", imageManifest=manifest(SCHEMA_2))


def test_a_tag_moves_where_tags_are_mutable(ecr: Any, name: str) -> None:
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability="MUTABLE")
    for form in (OCI_MANIFEST, SCHEMA_2):
        ecr.put_image(repositoryName=name, imageTag="a", imageManifest=manifest(form))

    (described,) = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "a"}])["imageDetails"]

    assert described["imageManifestMediaType"] == SCHEMA_2


@pytest.mark.parametrize("tag", [{"imageTag": "a"}, {}])
def test_an_image_that_is_there_already_is_told(ecr: Any, name: str, tag: dict[str, str]) -> None:
    ecr.put_image(repositoryName=name, imageManifest=manifest(), **tag)

    code, message = refusal(ecr.put_image, repositoryName=name, imageManifest=manifest(), **tag)

    assert code == "ImageAlreadyExistsException"
    assert message.startswith(f"Image with digest '{digest(manifest())}' and tag '{tag.get('imageTag', 'null')}'")
    ecr.put_image(repositoryName=name, imageManifest=manifest(), imageTag="another")


def test_a_digest_that_is_not_the_manifests_is_refused(ecr: Any, name: str) -> None:
    code, _ = refusal(ecr.put_image, repositoryName=name, imageManifest=manifest(), imageDigest=digest("another"))

    assert code == "ImageDigestDoesNotMatchException"


@pytest.mark.parametrize("form", [OCI_INDEX, SCHEMA_2_LIST])
def test_an_index_names_images_that_are_there(ecr: Any, name: str, form: str) -> None:
    part = manifest(SCHEMA_2 if form == SCHEMA_2_LIST else OCI_MANIFEST)

    code, message = refusal(ecr.put_image, repositoryName=name, imageManifest=index(part, form=form), imageTag="a")

    assert code == "ReferencedImagesNotFoundException"
    assert digest(part) in message
    ecr.put_image(repositoryName=name, imageManifest=part)
    ecr.put_image(repositoryName=name, imageManifest=index(part, form=form), imageTag="a")


def test_a_repository_that_is_not_there_has_no_images(client: Callable[..., Any], name: str) -> None:
    code, _ = refusal(client("ecr").put_image, repositoryName=name, imageManifest=manifest())

    assert code == "RepositoryNotFoundException"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (None, "Source image {image} does not exist. Provide a valid source image."),
        (OCI_INDEX, "The image manifest, config or layer media type for the source image {image} is not supported."),
        (OCI_MANIFEST, "The embedded Lambda runs no container images, and so not {image}"),
    ],
)
def test_functions_of_images_are_refused(
    client: Callable[..., Any],
    ecr: Any,
    name: str,
    role: Callable[..., str],
    form: str | None,
    problem: str,
) -> None:
    image = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}:a"
    if form:
        part = manifest(OCI_MANIFEST)
        tag = {} if form == OCI_INDEX else {"imageTag": "a"}
        ecr.put_image(repositoryName=name, imageManifest=part, **tag)
    if form == OCI_INDEX:
        ecr.put_image(repositoryName=name, imageManifest=index(part), imageTag="a")
    functions = client("lambda")

    created = refusal(
        functions.create_function,
        FunctionName=name,
        Role=role("lambda.amazonaws.com"),
        PackageType="Image",
        Code={"ImageUri": image},
    )
    updated = refusal(functions.update_function_code, FunctionName=name, ImageUri=image)

    for code, message in (created, updated):
        assert code == "InvalidParameterValueException"
        assert message.startswith(problem.format(image=image))
    assert name not in {each["FunctionName"] for each in functions.list_functions()["Functions"]}

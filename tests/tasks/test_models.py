"""The registry and the artifacts."""

import io
import tarfile
from dataclasses import replace

import orjson
import pytest

from tasks.errors import (
    ArtifactMissing,
    ArtifactTampered,
    InvalidSignature,
    NoSuchVersion,
    UnsupportedModel,
    VersionExists,
)
from tasks.models.artifact import Artifact, checksum, pack, unpack
from tasks.models.registry import Registry, fetch_artifact
from tasks.models.scorers import numpy_scorer
from tasks.models.version import ModelVersion
from tasks.records.signature import Feature, Signature
from tasks.scoring.shard import load_model
from tasks.storage import Location
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE, version_of

ARTIFACT = Artifact(MODEL_TEXT, SIGNATURE, [{"record": GOOD, "score": 0.25}])


def test_a_version_comes_back_as_it_was_registered(world):
    version, _ = version_of(ARTIFACT, "v2")
    world.registry.register(version)

    assert world.registry.whole("v2") == version
    assert world.registry.versions() == ["v1", "v2"]
    assert world.registry.active() == "v1"


def test_a_version_never_changes(world):
    version, _ = version_of(ARTIFACT, "v2")
    world.registry.register(version)

    world.registry.register(replace(version, created_at="2027-01-01T00:00:00Z"))
    with pytest.raises(VersionExists, match="v2 is registered with another artifact"):
        world.registry.register(replace(version, sha256="0" * 64))
    assert world.registry.whole("v2") == version


def test_what_is_not_registered_can_be_neither_read_nor_activated(world):
    for attempt in (world.registry.get, world.registry.activate):
        with pytest.raises(NoSuchVersion, match="'v9' is not registered; registered are v1"):
            attempt("v9")
    assert world.registry.active() == "v1"


def test_an_empty_registry_says_so(world):
    with pytest.raises(NoSuchVersion, match="no model version is active; registered are none"):
        Registry("/elsewhere").active()


def test_metadata_survives_its_json():
    version, _ = version_of(ARTIFACT)
    served = replace(version, image="123456789012.dkr.ecr.us-east-1.amazonaws.com/assets:abc")

    assert ModelVersion.from_json(version.to_json()) == version
    assert ModelVersion.from_json(served.to_json()) == served


def test_metadata_from_before_versions_had_images_can_still_be_read():
    version, _ = version_of(ARTIFACT)

    assert "image" not in version.to_json()
    assert ModelVersion.from_json(version.to_json()).image is None


def test_the_same_artifact_always_packs_to_the_same_bytes():
    body = pack(ARTIFACT)
    version, again = version_of(ARTIFACT)

    assert body == again
    assert unpack(body, version.sha256) == ARTIFACT


def test_other_bytes_than_the_registered_ones_are_refused(world):
    version = world.registry.get("v1")
    place = Location.parse(version.artifact)
    world.storage.write(place, (world.storage.read(place) or b"") + b"x")

    with pytest.raises(ArtifactTampered, match=version.sha256):
        fetch_artifact(version, world.storage)


def test_a_missing_artifact_is_named(world):
    with pytest.raises(ArtifactMissing, match=r"v1 is not at s3://models/gone\.tar\.gz"):
        fetch_artifact(replace(world.registry.get("v1"), artifact="s3://models/gone.tar.gz"), world.storage)


def test_bytes_that_are_no_archive_are_refused():
    with pytest.raises(UnsupportedModel, match="no archive"):
        unpack(b"hello", checksum(b"hello"))


def test_a_signature_that_differs_from_the_registry_s_or_the_model_s_is_refused(world):
    other = Signature((Feature("distance", "number"),))
    version, _ = version_of(ARTIFACT, "v2")
    world.storage.write(Location.parse(version.artifact), pack(ARTIFACT))
    world.registry.register(replace(version, signature=other))
    with pytest.raises(InvalidSignature, match="another signature"):
        fetch_artifact(world.registry.get("v2"), world.storage)

    version, body = version_of(Artifact(MODEL_TEXT, other, []), "v3")
    world.storage.write(Location.parse(version.artifact), body)
    world.registry.register(version)
    with pytest.raises(InvalidSignature, match="features distance, wind, origin, and its signature has distance"):
        load_model("v3", world.registry, world.storage, numpy_scorer)


def test_an_artifact_of_another_framework_than_the_registered_one_is_refused(world):
    version, body = version_of(ARTIFACT, "v3")
    world.storage.write(Location.parse(version.artifact), body)
    world.registry.register(replace(version, framework="onnx"))

    with pytest.raises(UnsupportedModel, match=r"v3 is registered as one of onnx, and its artifact holds model\.txt"):
        load_model("v3", world.registry, world.storage, numpy_scorer)


def archive_of(**files: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


GOOD_FILES = {
    "model.txt": MODEL_TEXT.encode(),
    "signature.json": orjson.dumps(SIGNATURE.to_json()),
    "golden.json": b'[{"record": {}, "score": 1}]',
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.txt": b"\xff"}, "model.txt is no text"),
        ({"signature.json": b"{"}, "signature.json is not JSON"),
        ({"golden.json": b"["}, "golden.json is not JSON"),
        ({"golden.json": b"{}"}, "golden.json is no list"),
        ({"golden.json": b'[{"record": {}, "score": true}]'}, "golden.json is no list"),
        ({"golden.json": b'[{"record": {}, "score": -0.1}]'}, "golden.json is no list"),
        ({"golden.json": b'[{"record": [], "score": 0.1}]'}, "golden.json is no list"),
        ({"model.onnx": b""}, "holds model.txt and model.onnx; it must hold one of"),
        ({"steps/scaler.pkl": b""}, r"holds a pickled model \(steps/scaler.pkl\): loading one would run its code"),
    ],
)
def test_an_archive_whose_files_are_not_what_their_names_say_is_refused(change, message):
    body = archive_of(**GOOD_FILES | change)

    with pytest.raises(UnsupportedModel, match=message):
        unpack(body, checksum(body))


@pytest.mark.parametrize("name", GOOD_FILES)
def test_an_archive_that_lacks_a_file_is_refused(name):
    body = archive_of(**{key: content for key, content in GOOD_FILES.items() if key != name})

    with pytest.raises(UnsupportedModel, match=name):
        unpack(body, checksum(body))


@pytest.mark.parametrize(
    "features",
    [
        [],
        [{"name": "a", "kind": "number", "nullable": False}] * 2,
        [{"name": "a", "kind": "text", "nullable": False}],
        [{"name": "a", "kind": "category", "nullable": False}],
        [{"name": "a", "kind": "number", "nullable": False, "categories": ["x"]}],
        [{"name": "a", "kind": "category", "nullable": False, "categories": ["x", "x"]}],
        [{"name": "a"}],
    ],
)
def test_a_signature_that_contradicts_itself_is_refused(features):
    with pytest.raises(InvalidSignature):
        Signature.from_json({"features": features})

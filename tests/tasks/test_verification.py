"""What a version's artifact must stand before it is shipped or deployed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.errors import (
    ArtifactMissing,
    ArtifactTampered,
    GoldenRecordsDiffer,
    InvalidSignature,
    UnsupportedModel,
)
from tasks.models.artifact import Artifact
from tasks.models.verification import verify
from tasks.records.signature import Feature, Signature
from tasks.storage import Location
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE, version_of
from tests.tasks.deployments import GOLDEN

RIGHT = Artifact(MODEL_TEXT, SIGNATURE, GOLDEN)


def uploaded(world, artifact=RIGHT, version_id="v2"):
    version, body = version_of(artifact, version_id)
    world.storage.write(Location.parse(version.artifact), body)
    world.registry.register(version)
    return world.registry.get(version_id)


def test_the_artifact_of_a_version_that_stands_the_test_is_given(world):
    assert verify(uploaded(world), world.storage) == RIGHT


@pytest.mark.parametrize(
    ("artifact", "error", "message"),
    [
        (replace(RIGHT, golden=[]), GoldenRecordsDiffer, "version v2 has no golden records"),
        (
            replace(RIGHT, golden=[*GOLDEN, {"record": GOOD, "score": 0.2689414213699952}]),
            GoldenRecordsDiffer,
            "golden record 2 of version v2 scores 0.26894142136999[0-9]+; 0.2689414213699952 was promised",
        ),
        (
            replace(RIGHT, golden=[{"record": GOOD | {"origin": "SFO"}, "score": 0.5}]),
            GoldenRecordsDiffer,
            "golden record 1 of version v2 does not fit: origin: .*SFO",
        ),
        (replace(RIGHT, model=MODEL_TEXT.replace("binary sigmoid:1", "lambdarank")), UnsupportedModel, "lambdarank"),
        (replace(RIGHT, model="no model at all"), UnsupportedModel, "not a model in LightGBM"),
        (
            replace(
                RIGHT,
                signature=Signature((*SIGNATURE.features[:2], Feature("start", "category", False, ("EWR", "JFK")))),
                golden=[{"record": {"distance": 1.0, "wind": 1.0, "start": "JFK"}, "score": 0.5}],
            ),
            InvalidSignature,
            "version v2 has the features distance, wind, origin, and its signature has distance, wind, start",
        ),
    ],
)
def test_a_version_that_does_not_stand_the_test_is_refused(world, artifact, error, message):
    version = uploaded(world, artifact)

    with pytest.raises(error, match=message):
        verify(version, world.storage)


def test_a_missing_and_a_tampered_artifact_are_refused(world):
    version = uploaded(world)
    world.storage.write(Location.parse(version.artifact), b"other")
    with pytest.raises(ArtifactTampered, match=version.sha256):
        verify(version, world.storage)

    world.storage.delete(Location.parse(version.artifact))
    with pytest.raises(ArtifactMissing, match=r"v2 is not at s3://models/v2/model\.tar\.gz"):
        verify(version, world.storage)


def test_a_model_that_lambda_cannot_open_is_taken_if_its_records_fit(world):
    version = uploaded(world, replace(RIGHT, model=b"onnx", model_file="model.onnx"))

    assert verify(version, world.storage).framework == "onnx"

"""The smoke test of a variant, against a real server."""

from __future__ import annotations

import pytest

from tasks.deployment.smoke import smoke_test
from tasks.errors import EndpointUnavailable, SmokeTestFailed
from tasks.models.artifact import Artifact
from tasks.models.endpoint import ModelEndpoint
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE
from tests.tasks.model_server import error, model_error, predictions, refused

#: The server's model: the score is the distance / 1,000.
ARTIFACT = Artifact(
    MODEL_TEXT,
    SIGNATURE,
    [{"record": GOOD, "score": 0.3}, {"record": GOOD | {"distance": 450.0, "wind": None, "extra": 1}, "score": 0.45}],
)


def ask(version="v1", variant="ModelA", artifact=ARTIFACT):
    return smoke_test(version, artifact, variant, ModelEndpoint("flights"))


def test_the_variant_is_asked_for_the_golden_records_whatever_its_weight(model):
    model.variant = "ModelB"

    assert ask(variant="ModelB")["records"] == 2
    assert [record["distance"] for record in model.calls[0]] == [300.0, 450.0]
    assert model.requests[0][1]["x-amzn-sagemaker-target-variant"] == "ModelB"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (predictions([0.3, 0.4500001]), "golden record 2 of version v1 the score 0.4500001; expected was 0.45"),
        (predictions([0.3]), "did not score the golden records of version v1: .*1 predictions for 2 records"),
        (
            refused((1, "wind", "too strong")),
            "did not score the golden records of version v1: record 1: wind: too strong",
        ),
        (model_error(413, "too large"), "does not take the request, status 413: too large"),
        (predictions([0.3, 0.45], variant="ModelB"), "ModelB answered with version v1; ModelA was asked"),
    ],
)
def test_another_answer_than_the_promised_one_fails_the_test(model, reply, message):
    model.script = [reply]

    with pytest.raises(SmokeTestFailed, match=message):
        ask()


def test_a_difference_in_the_last_bits_is_none(model):
    model.script = [predictions([0.3 + 1e-10, 0.45])]

    assert ask()["records"] == 2


def test_a_model_that_calculates_in_float32_may_differ_by_that(model):
    model.script = [predictions([0.30000004, 0.45])]

    assert ask(artifact=Artifact(b"", SIGNATURE, ARTIFACT.golden, "model.onnx"))["records"] == 2


def test_a_variant_that_serves_another_version_fails_the_test_though_its_scores_are_right(model):
    with pytest.raises(SmokeTestFailed, match="ModelA answered with version v1; ModelA was asked, and should serve v2"):
        ask(version="v2")


def test_a_variant_that_is_not_ready_is_worth_another_try(model):
    model.script = [error(429, "ModelNotReadyException")] * 5

    with pytest.raises(EndpointUnavailable):
        ask()

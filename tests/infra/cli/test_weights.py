from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.infra.cli.conftest import FakeStates, Said
from tests.infra.cli.served_models import Endpoint


def test_the_weights_are_shown_with_the_versions_that_they_are_for(
    endpoint: Endpoint, call: Callable[..., Said]
) -> None:
    endpoint.serve("v1", "v2")

    shown = call("weights", "--json").json()

    assert shown["activeVersion"] == "v1"
    assert {name: (each["version"], each["weight"]) for name, each in shown["variants"].items()} == {
        "ModelA": ("v1", 80),
        "ModelB": ("v2", 20),
    }
    said = call("weights").out
    assert "v1 (active)" in said
    assert "20 %" in said


def test_shares_are_of_the_sum_of_the_weights(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2", weights=(2, 1))

    variants = call("weights", "--json").json()["variants"]

    assert variants["ModelA"]["percent"] == pytest.approx(66.667)


def test_new_weights_go_through_the_workflow_and_are_shown_afterwards(
    endpoint: Endpoint, aws: FakeStates, call: Callable[..., Said]
) -> None:
    endpoint.serve("v1", "v2")
    aws.on_start = lambda execution: endpoint.shift(**_asked(execution))

    said = call("weights", "--model-a", "50", "--model-b", "50", "--json")

    (execution,) = aws.executions.values()
    assert "traffic-shift" in execution["stateMachineArn"]
    assert json.loads(execution["input"]) == {"weights": {"ModelA": 50, "ModelB": 50}}
    told = said.json()
    assert told["status"] == "SUCCEEDED"
    assert [told["before"]["variants"]["ModelA"]["weight"], told["after"]["variants"]["ModelA"]["weight"]] == [80, 50]
    assert "before  ModelA 80 (v1)  ModelB 20 (v2)" in said.err
    assert "after   ModelA 50 (v1)  ModelB 50 (v2)" in said.err


def _asked(execution: dict[str, str]) -> dict[str, float]:
    weights = json.loads(execution["input"])["weights"]
    return {"model_a": weights["ModelA"], "model_b": weights["ModelB"]}


def test_a_shift_that_failed_is_told_with_what_the_weights_are(
    endpoint: Endpoint, aws: FakeStates, call: Callable[..., Said]
) -> None:
    endpoint.serve("v1", "v2")
    aws.on_start = lambda execution: execution.update(status="FAILED", error="DeploymentInProgress", cause="held")

    said = call("weights", "--model-a", "0", "--model-b", "100")

    assert said.code == 1
    assert "DeploymentInProgress: held" in said.err
    assert "after   ModelA 80" in said.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--model-a", "50"), "both"),
        (("--model-a", "0", "--model-b", "0"), "both weights are 0"),
        (("--model-a", "-1", "--model-b", "1"), "model-a"),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    endpoint: Endpoint, aws: FakeStates, call: Callable[..., Said], words: tuple[str, ...], named: str
) -> None:
    endpoint.serve("v1", "v2")

    said = call("weights", *words)

    assert said.code == 2
    assert named in said.err
    assert not aws.executions


def test_an_endpoint_that_is_not_there_is_told_with_what_to_do(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    said = call("weights")

    assert said.code == 1
    assert "ml-pipeline deploy models" in said.err

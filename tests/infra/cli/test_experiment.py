from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infra.cli.registry.experiment_data import MOST_ITEMS
from infra.cli.terminal.target import Target
from tasks.deployment.outcomes import PREFIX
from tests.infra.cli.conftest import Said, put
from tests.infra.cli.served_models import Endpoint


def experiment(call: Callable[..., Said], *words: str) -> Any:
    return call("experiment", "status", *words, "--json").json()


def predict(
    endpoint: Endpoint, variant: str, version: str, scores: list[float], labels: list[int] | None = None
) -> None:
    outcomes = b""
    for number, score in enumerate(scores):
        key = f"{variant}-{version}-{number}"
        endpoint.predicted(key, score, variant, version)
        if labels is not None:
            outcomes += json.dumps({"prediction_id": key, "label": labels[number]}).encode() + b"\n"
    if labels is not None:
        put("data", f"{PREFIX}{variant}-{version}.jsonl", outcomes)


def test_traffic_is_shown_side_by_side(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    endpoint.cloudwatch.put("ModelA", 8_000, errors=8, p50=2_500, p99=9_000)
    endpoint.cloudwatch.put("ModelB", 2_000)

    variants = experiment(call)["variants"]

    assert variants["ModelA"]["version"] == "v1"
    assert variants["ModelA"]["invocations"] == 8_000
    assert (variants["ModelA"]["latencyP50Ms"], variants["ModelA"]["latencyP99Ms"]) == (2.5, 9.0)
    assert variants["ModelB"]["latencyP99Ms"] is None
    said = call("experiment", "status").out
    assert "8 (0.10 %)" in said
    assert "9.0 ms" in said


def test_percentiles_are_of_the_whole_time(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")

    experiment(call)

    (window,) = {(each["Period"], each["StartTime"], each["EndTime"]) for each in endpoint.cloudwatch.asked}
    assert timedelta(seconds=window[0]) >= window[2] - window[1] - timedelta(seconds=1)


def test_what_the_variants_served_before_does_not_count(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    predict(endpoint, "ModelA", "v1", [0.1, 0.2])
    predict(endpoint, "ModelA", "v0", [0.9])
    endpoint.predicted("old", 0.9, "ModelA", "v1", days_ago=2)
    endpoint.predicted("batch", 0.9, None, "v1")

    found = experiment(call, "--since", "7d")

    assert found["variants"]["ModelA"]["scores"]["count"] == 2
    deployed_at = datetime.fromisoformat(found["since"])
    assert datetime.now(UTC) - deployed_at < timedelta(hours=1), "it looks back no farther than the deployment"


def test_scores_are_counted_in_bins(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    predict(endpoint, "ModelA", "v1", [0.01, 0.02, 0.5, 0.99])
    predict(endpoint, "ModelB", "v2", [0.51])

    variants = experiment(call)["variants"]

    assert variants["ModelA"]["scores"]["histogram"] == [2, *[0] * 7, 1, *[0] * 6, 1]
    assert variants["ModelB"]["scores"]["histogram"] == [*[0] * 8, 1, *[0] * 7]
    assert "50%" in call("experiment", "status").out


def test_quality_is_that_of_the_known_outcomes(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    predict(endpoint, "ModelA", "v1", [0.9, 0.2, 0.6], labels=[1, 0, 0])
    predict(endpoint, "ModelB", "v2", [0.5])

    variants = experiment(call)["variants"]

    assert variants["ModelA"]["quality"]["outcomes"] == 3
    assert variants["ModelA"]["quality"]["brier"] == pytest.approx((0.01 + 0.04 + 0.36) / 3)
    assert variants["ModelA"]["quality"]["auc"] == 1.0
    assert variants["ModelB"]["quality"] == {"outcomes": 0, "rate": None, "brier": None, "logLoss": None, "auc": None}


def test_a_worse_model_is_found_out(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    labels = [number % 2 for number in range(200)]
    predict(endpoint, "ModelA", "v1", [0.8 if label else 0.2 for label in labels], labels)
    predict(endpoint, "ModelB", "v2", [0.4 if label else 0.6 for label in labels], labels)

    found = experiment(call)

    assert found["tests"]["brier"]["decision"] == "b-greater"
    assert found["tests"]["brier"]["difference"] == pytest.approx(0.32)
    said = call("experiment", "status").out
    assert "Brier score: ModelA is better" in said
    assert "To end it: ml-pipeline weights --model-a 100 --model-b 0" in said


def test_a_better_challenger_is_to_be_promoted(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    labels = [number % 2 for number in range(200)]
    predict(endpoint, "ModelA", "v1", [0.5] * 200, labels)
    predict(endpoint, "ModelB", "v2", [0.9 if label else 0.1 for label in labels], labels)

    assert "To promote v2: ml-pipeline models deploy v2" in call("experiment", "status").out


def test_errors_are_compared_too(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    endpoint.cloudwatch.put("ModelA", 4_000, errors=4)
    endpoint.cloudwatch.put("ModelB", 1_000, errors=200)

    tests = experiment(call)["tests"]

    assert tests["errors"]["decision"] == "b-greater"
    assert tests["brier"]["decision"] == "undecided"
    assert "begins at 50" in call("experiment", "status").out


def test_one_version_in_both_variants_is_nothing_to_compare(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v1")

    assert experiment(call)["tests"]["says"] == ["Both variants serve v1: there is nothing to compare."]


def test_who_asks_too_early_is_told_to_look_again(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")

    assert "look again" in call("experiment", "status").out


class EndlessTable:
    """A table of which each page of a scan holds one item in a thousand that was looked at."""

    def __init__(self) -> None:
        self.pages = 0

    def get_paginator(self, operation: str) -> EndlessTable:
        assert operation == "scan"
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        item = {"score": {"N": "0.5"}, "variant": {"S": "ModelA"}, "modelVersion": {"S": "v1"}}
        while True:
            self.pages += 1
            yield {"Items": [item], "ScannedCount": 1_000, "LastEvaluatedKey": {"predictionId": {"S": "p"}}}

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        return {"Responses": {}}


def test_of_a_large_table_a_sample_is_enough(
    endpoint: Endpoint, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.serve("v1", "v2")
    table, real = EndlessTable(), Target.client
    monkeypatch.setattr(
        Target, "client", lambda target, service: table if service == "dynamodb" else real(target, service)
    )

    found = experiment(call)

    assert (found["itemsLookedAt"], found["allItems"]) == (MOST_ITEMS, False)
    assert found["variants"]["ModelA"]["scores"]["count"] == table.pages == MOST_ITEMS // 1_000
    assert "a sample: 200,000 items" in call("experiment", "status").out


def test_a_picture_is_drawn(endpoint: Endpoint, call: Callable[..., Said], home: Path) -> None:
    endpoint.serve("v1", "v2")
    chance = np.random.default_rng(7)
    for variant, version in (("ModelA", "v1"), ("ModelB", "v2")):
        labels = chance.integers(0, 2, 60).tolist()
        predict(endpoint, variant, version, chance.uniform(size=60).tolist(), labels)

    said = call("experiment", "status", "--plot", "experiment.png")

    assert said.code == 0
    assert (home / "experiment.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_nothing_says_so(endpoint: Endpoint, call: Callable[..., Said], home: Path) -> None:
    endpoint.serve("v1", "v2")

    call("experiment", "status", "--plot", "experiment.png")

    with Image.open(home / "experiment.png") as picture:
        width, height = picture.size
        middle = picture.convert("L").crop((width // 5, height * 2 // 5, width // 2, height * 3 // 5))
    darkest, _ = middle.getextrema()
    assert darkest < 150, "there is nothing but the grid"


def test_a_bad_object_of_outcomes_is_told_with_its_place(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    put("data", f"{PREFIX}odd.jsonl", b'{"prediction": 1}\n')

    said = call("experiment", "status")

    assert said.code == 1
    assert f"{PREFIX}odd.jsonl" in said.err


@pytest.mark.parametrize("alpha", ["0", "1", "-0.5"])
def test_an_error_rate_must_be_one(endpoint: Endpoint, call: Callable[..., Said], alpha: str) -> None:
    endpoint.serve("v1", "v2")

    assert call("experiment", "status", "--alpha", alpha).code == 2

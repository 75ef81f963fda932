"""The functions of a deployment one after the other, as the workflow calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tasks.deployment.outcomes import PREFIX
from tasks.errors import InvalidDeployment
from tasks.handlers import judge_traffic, plan_deployment, settle_deployment, smoke_test
from tests.tasks.conftest import CONTEXT
from tests.tasks.deployments import ENDPOINT, execution, fresh
from tests.tasks.model_server import predictions

EVEN = {"ModelA": 50, "ModelB": 50}


@pytest.fixture
def house(world, model, monkeypatch):
    house = fresh(world)
    house.register("v2")
    monkeypatch.setenv("ML_PIPELINE_ENDPOINT", ENDPOINT)
    monkeypatch.setattr("tasks.deployment.serving.client", lambda service: house.sagemaker)
    monkeypatch.setattr("tasks.deployment.executions.client", lambda service: house.states)
    return house


def event(kind, document, name="run-1"):
    by = execution(name)
    return {"kind": kind, "input": document, "execution": {"id": by.arn, "name": name, "startTime": by.started_at}}


def test_a_deployment_through_all_functions(house, model):
    plan = plan_deployment.handler(event("deploy", {"version": "v1"}), CONTEXT)["plan"]
    model.script = [predictions([0.2689414213699951])]
    tested = smoke_test.handler({"plan": plan}, CONTEXT)
    house.carry_out(plan)
    summary = settle_deployment.handler({"plan": plan, "outcome": "succeeded"}, CONTEXT)["summary"]

    assert json.loads(json.dumps(plan)) == plan
    assert tested["records"] == 1
    assert model.requests[0][0] == f"/endpoints/{ENDPOINT}/invocations"
    assert (summary["outcome"], summary["released"]) == ("succeeded", True)
    assert json.loads(json.dumps(summary)) == summary


def test_an_error_reaches_the_workflow_under_its_own_name(house):
    with pytest.raises(InvalidDeployment, match="'typo' is not a key of the input"):
        plan_deployment.handler(event("deploy", {"typo": 1}), CONTEXT)
    with pytest.raises(InvalidDeployment, match="kind is 'promote'"):
        plan_deployment.handler(event("promote", {}), CONTEXT)


def test_a_shift_is_judged_by_its_metrics(house):
    plan = plan_deployment.handler(event("shift", {"steps": [{"weights": EVEN, "bakeSeconds": 60}]}), CONTEXT)["plan"]

    found = judge_traffic.handler({"plan": plan, "since": "2026-11-23T10:15:00.000Z"}, CONTEXT)

    assert found["verdict"] == "go-on"
    assert found["reason"] == "too few invocations to judge ModelA (0) and ModelB (0)"
    assert found["variants"]["ModelB"] == {
        "version": "v1",
        "invocations": 0,
        "errors": 0,
        "errorPercent": 0.0,
        "latencyP50Ms": None,
        "latencyP99Ms": None,
    }


def test_a_comparison_counts_the_outcomes_of_the_two_variants_since_it_began(house, json_lines):
    since = datetime.now(UTC).isoformat(timespec="seconds")
    house.run("deploy", {"version": "v2", "role": "challenger"}, name="deploy-v2")
    # The champion says 0.9 and the challenger 0.1, and nothing ever happens.
    for variant, version, score in (("ModelA", "v1", 0.9), ("ModelB", "v2", 0.1), ("ModelB", "v0", 0.9)):
        for number in range(100):
            house.world.dynamodb.put_item(
                TableName="predictions",
                Item={
                    "predictionId": {"S": f"{version}-{number}"},
                    "variant": {"S": variant},
                    "modelVersion": {"S": version},
                    "score": {"N": str(score)},
                },
            )
    outcomes = [{"prediction_id": f"{version}-{n}", "label": 0} for version in ("v0", "v1", "v2") for n in range(100)]
    house.world.upload(f"{PREFIX}today.jsonl", json_lines(*outcomes))
    plan = plan_deployment.handler(event("shift", {"automatic": True}), CONTEXT)["plan"]

    found = judge_traffic.handler({"plan": plan, "since": since}, CONTEXT)

    assert found["verdict"] == "promote"
    assert found["reason"].startswith("ModelB predicts better than ModelA: Brier score -0.8000")

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.cli import deploy_workflows
from infra.cli.stacks.live import difference
from tests.infra.cli.conftest import NAMES, STATE_MACHINE, FakeStates, Said, write_assembly
from tests.infra.cli.fake_stacks import FakeCloudFormation

WORKFLOWS, TASKS = NAMES.stack("workflows"), NAMES.stack("tasks")
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:plan"
DEPLOYS = f"printf '{WORKFLOWS}: deploying... [1/1]\\n ✅  {WORKFLOWS}\\n'"


def asl(function: str, seconds: int) -> str:
    state = {"Type": "Task", "Resource": function, "TimeoutSeconds": seconds, "End": True}
    return json.dumps({"StartAt": "Plan", "States": {"Plan": state}})


def template(seconds: int) -> dict[str, Any]:
    machine = {
        "StateMachineName": NAMES.state_machine("batch-inference"),
        "DefinitionString": asl("${PlanFunction}", seconds),
        "DefinitionSubstitutions": {"PlanFunction": {"Fn::ImportValue": "tasks:Plan"}},
    }
    return {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}}}


@pytest.fixture
def deployed(
    stacks: FakeCloudFormation, aws: FakeStates, home: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeCloudFormation:
    """An environment with all stacks, where version 7 of the workflow is live, and valid definitions."""
    monkeypatch.setattr(deploy_workflows, "check_fresh", lambda: None)
    monkeypatch.setattr(deploy_workflows, "check_valid", lambda: None)
    stacks.add(TASKS, exports={"tasks:Plan": FUNCTION})
    stacks.add(WORKFLOWS, {"Version": ("AWS::StepFunctions::StateMachineVersion", f"{STATE_MACHINE}:7")})
    aws.publish(7, asl(FUNCTION, seconds=60))
    return stacks


def wants(home: Path, seconds: int) -> None:
    write_assembly(home, {TASKS: [], WORKFLOWS: [TASKS]}, templates={WORKFLOWS: template(seconds)})


def test_a_changed_workflow_is_shown_and_deployed_alone(
    deployed: FakeCloudFormation, aws: FakeStates, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk(f"touch {home}/published; {DEPLOYS}")
    wants(home, seconds=90)
    aws.on_look = lambda: aws.publish(8, asl(FUNCTION, 90)) if (home / "published").exists() else None

    said = call("deploy-workflows")

    assert said.code == 0, said.err
    assert '-      "TimeoutSeconds": 60,' in said.out
    assert '+      "TimeoutSeconds": 90,' in said.out
    assert FUNCTION not in "".join(line for line in said.out.splitlines() if line[:1] in "+-" and "batch" not in line)
    assert "moved from version 7 to version 8" in said.out
    assert f"deploy {WORKFLOWS} --exclusively" in (home / "calls").read_text()


def test_nothing_changed_is_no_failure(
    deployed: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk(DEPLOYS)
    wants(home, seconds=60)

    said = call("deploy-workflows", "--json")

    assert said.code == 0, said.err
    workflow = said.json()["workflows"]["batch-inference"]
    assert workflow == {
        "alias": "live",
        "before": f"{STATE_MACHINE}:7",
        "after": f"{STATE_MACHINE}:7",
        "changed": False,
        "difference": "",
    }
    assert "no changes" in said.err


def test_an_alias_that_was_moved_by_hand_is_moved_to_what_was_deployed(
    deployed: FakeCloudFormation, aws: FakeStates, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    """CloudFormation sees no change, so it would leave the alias where it is, and the difference be shown for ever."""
    fake_cdk(DEPLOYS)
    wants(home, seconds=60)
    aws.publish(6, asl(FUNCTION, seconds=30))

    said = call("deploy-workflows")

    assert said.code == 0, said.err
    assert "moved from version 6 to version 7" in said.out
    assert aws.live == 7


def test_a_deployment_that_leaves_another_definition_live_is_no_success(
    deployed: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk(DEPLOYS)
    wants(home, seconds=90)

    said = call("deploy-workflows")

    assert said.code == 1
    assert "does not point to the definition that was deployed" in said.err


def test_a_first_deployment_has_no_version_before_it(
    deployed: FakeCloudFormation, aws: FakeStates, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk(f"touch {home}/published; {DEPLOYS}")
    wants(home, seconds=60)
    aws.versions.clear()
    aws.on_look = lambda: aws.publish(1, asl(FUNCTION, 60)) if (home / "published").exists() else None

    workflow = call("deploy-workflows", "--json").json()["workflows"]["batch-inference"]

    assert (workflow["before"], workflow["after"]) == (None, f"{STATE_MACHINE}:1")
    assert "+" in workflow["difference"]


def test_workflows_whose_foundation_is_missing_are_not_deployed(
    deployed: FakeCloudFormation, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk(DEPLOYS)
    wants(home, seconds=60)
    del deployed.stacks[TASKS]

    said = call("deploy-workflows")

    assert said.code == 3
    assert TASKS in said.err
    assert "ml-pipeline deploy" in said.err
    assert f"deploy {WORKFLOWS}" not in (home / "calls").read_text()


def test_a_stale_rendering_stops_it_before_the_templates_are_built(
    deployed: FakeCloudFormation,
    fake_cdk: Callable[..., None],
    call: Callable[..., Said],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from infra.cli.terminal.errors import RefusedError

    def stale() -> None:
        raise RefusedError("w.asl.json is stale")

    fake_cdk(DEPLOYS)
    monkeypatch.setattr(deploy_workflows, "check_fresh", stale)

    said = call("deploy-workflows")

    assert said.code == 2
    assert "w.asl.json is stale" in said.err
    assert not (home / "calls").exists()


def test_definitions_that_mean_the_same_do_not_differ() -> None:
    assert difference('{"a": 1, "b": 2}', '{\n "b": 2,\n "a": 1\n}', "old", "new") == []


def test_a_difference_is_a_unified_diff_of_pretty_json() -> None:
    assert difference('{"a": 1}', '{"a": 2}', "old", "new") == [
        "--- old",
        "+++ new",
        "@@ -1,3 +1,3 @@",
        " {",
        '-  "a": 1',
        '+  "a": 2',
        " }",
    ]

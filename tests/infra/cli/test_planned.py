from __future__ import annotations

from typing import Any

import pytest

from infra.cli.stacks.planned import Surroundings, planned
from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.target import Target
from tests.infra.cli.conftest import ACCOUNT, NAMES, REGION, FakeStates
from tests.infra.cli.fake_stacks import FakeCloudFormation

STACK = NAMES.stack("workflows")
TARGET = Target(None, REGION, "dev")
OTHER = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:other"


def template(**substitutions: Any) -> dict[str, Any]:
    definition = " ".join(f"${{{name}}}" for name in substitutions)
    properties = {
        "StateMachineName": "machine",
        "DefinitionString": definition,
        "DefinitionSubstitutions": substitutions,
    }
    return {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (7, "7"),
        ({"Ref": "AWS::Region"}, REGION),
        ({"Ref": "AWS::AccountId"}, ACCOUNT),
        ({"Ref": "Other"}, OTHER),
        ({"Fn::GetAtt": ["Other", "Arn"]}, OTHER),
        ({"Fn::ImportValue": "tasks:Plan"}, "arn:of:plan"),
        ({"Fn::ImportValue": {"Fn::Sub": "tasks:Plan"}}, "arn:of:plan"),
        (
            {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x:", {"Ref": "AWS::Region"}]]},
            f"arn:aws:x:{REGION}",
        ),
        ({"Fn::Sub": "a-${AWS::Region}-${!Literal}"}, f"a-{REGION}-${{!Literal}}"),
        ({"Fn::Sub": ["${Mine}-${AWS::AccountId}", {"Mine": {"Ref": "Other"}}]}, f"{OTHER}-{ACCOUNT}"),
    ],
)
def test_references_get_the_values_that_cloudformation_would_give_them(
    stacks: FakeCloudFormation, value: Any, text: str
) -> None:
    stacks.add(STACK, {"Other": ("AWS::StepFunctions::StateMachine", OTHER)})
    stacks.add("tasks", exports={"tasks:Plan": "arn:of:plan"})

    (plan,) = planned(template(Value=value), Surroundings(TARGET, STACK))

    assert (plan.state_machine, plan.definition, plan.is_certain) == ("machine", text, True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "Other"}, "<Other>"),
        ({"Fn::GetAtt": ["Role", "RoleId"]}, "<Role.RoleId>"),
    ],
)
def test_what_only_the_deployment_can_tell_is_marked(stacks: FakeCloudFormation, value: Any, text: str) -> None:
    (plan,) = planned(template(Value=value), Surroundings(TARGET, STACK))

    assert (plan.definition, plan.is_certain) == (text, False)


def test_a_placeholder_without_a_value_stays(stacks: FakeCloudFormation) -> None:
    machine = template(Known="k")
    machine["Resources"]["Machine"]["Properties"]["DefinitionString"] = "${Known} ${Unknown}"

    (plan,) = planned(machine, Surroundings(TARGET, STACK))

    assert plan.definition == "k ${Unknown}"


def test_an_export_that_is_not_there_is_named_wherever_it_is_needed(
    stacks: FakeCloudFormation, aws: FakeStates
) -> None:
    needing = template(Value="v")
    needing["Resources"]["Policy"] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {"Statement": [{"Resource": {"Fn::ImportValue": "storage:NewKey"}}]},
    }

    with pytest.raises(UnavailableError, match="storage:NewKey") as failure:
        planned(needing, Surroundings(TARGET, STACK))

    assert "ml-pipeline deploy" in failure.value.remedy

"""Payload templates."""

import copy

import pytest

from workflows.interpreter import templates
from workflows.interpreter.errors import StatesError

DOCUMENT = {"run": {"id": "r1"}, "shards": [{"n": 1}, {"n": 2}]}
CONTEXT = {"Map": {"Item": {"Index": 3, "Value": {"n": 1}}}}


def test_dynamic_members_get_their_values_at_every_depth_and_the_rest_stays() -> None:
    template = {
        "constant": {"a": [1, "$.run.id", None]},
        "run.$": "$.run.id",
        "item": {"index.$": "$$.Map.Item.Index", "list": [{"all.$": "$.shards[*].n"}]},
        "label.$": "States.Format('{}-{}', $.run.id, $$.Map.Item.Index)",
    }
    untouched = copy.deepcopy(template)

    filled = templates.fill(template, DOCUMENT, CONTEXT, field="Parameters")

    assert filled == {
        "constant": {"a": [1, "$.run.id", None]},
        "run": "r1",
        "item": {"index": 3, "list": [{"all": [1, 2]}]},
        "label": "r1-3",
    }
    assert list(filled) == ["constant", "run", "item", "label"]
    assert template == untouched


@pytest.mark.parametrize("template", ["text", 1, None, True, ["$.run"], {}])
def test_a_template_without_dynamic_members_is_itself(template: object) -> None:
    assert templates.fill(template, DOCUMENT, CONTEXT, field="Parameters") == template


def test_a_missing_path_names_the_member_that_holds_it() -> None:
    with pytest.raises(StatesError) as failure:
        templates.fill({"outer": {"x.$": "$.gone"}}, {"a": 1}, CONTEXT, field="Parameters")
    assert failure.value.error == "States.Runtime"
    assert failure.value.cause == (
        "The JSONPath '$.gone' specified for the field 'x.$' could not be found in the input '{\"a\":1}'"
    )


def test_an_expression_is_a_path_or_a_function() -> None:
    assert templates.expression("$.run.id", DOCUMENT, CONTEXT, field="CausePath") == "r1"
    assert templates.expression("States.Format('{}!', $.run.id)", DOCUMENT, CONTEXT, field="CausePath") == "r1!"

"""Texts of payloads: JSON that every parser takes, whatever a task returned."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.interpreter.stage import machine, play, task
from workflows.interpreter import StatesError
from workflows.interpreter.payload import text_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner), max_leaves=8
)


@given(VALUES)
def test_a_text_is_json_in_utf_8_or_a_failure(value):
    try:
        text = text_of(value)
    except StatesError as failure:
        assert failure.error == "States.Runtime"
        assert not _is_finite(value)
    else:
        parsed = json.loads(text.encode(), parse_constant=lambda constant: pytest.fail(constant))
        assert parsed == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_task_whose_result_has_a_number_that_is_not_finite_fails_the_execution(number):
    seen = play(
        machine(Work=task("work", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Work"}])),
        work=lambda _: {"x": number},
    )

    assert seen.outcome.error == "States.Runtime"
    assert "TaskFailed" in seen.journal.types()


def test_half_surrogates_are_escaped_and_whole_characters_are_not():
    assert text_of({"a": "\ud83d", "b": "\U0001f600 é"}) == '{"a":"\\ud83d","b":"\U0001f600 é"}'


def _is_finite(value):
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True

"""Texts of payloads: JSON that every parser takes, whatever a task returned."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.interpreter.stage import machine, play, task
from workflows.interpreter import StatesError
from workflows.interpreter.payload import limited_text_of, text_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner), max_leaves=8
)


@given(VALUES)
def test_a_text_is_json_in_utf_8_or_a_failure(value):
    if not _is_finite(value):
        with pytest.raises(StatesError, match=r"States\.Runtime"):
            text_of(value)
    else:
        assert json.loads(text_of(value).encode(), parse_constant=pytest.fail) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_task_whose_result_has_a_number_that_is_not_finite_fails_the_execution(number):
    seen = play(
        machine(Work=task("work", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Work"}])),
        work=lambda _: {"x": number},
    )

    assert seen.outcome.error == "States.Runtime"
    assert "TaskFailed" in seen.journal.types()


@pytest.mark.parametrize("levels", [901, 100_000])
def test_what_is_nested_too_deeply_to_be_read_again_is_a_failure(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]

    with pytest.raises(StatesError, match="nested more than 900 levels"):
        limited_text_of(value, "S")
    while value:  # an object as deep as this cannot be freed recursively
        (value,) = value


def test_brackets_that_are_not_nested_do_not_count_as_depth():
    assert limited_text_of({"[" * 2000: [[]] * 2000}, "S").count("[]") == 2000


def test_half_surrogates_are_escaped_and_whole_characters_are_not():
    assert text_of({"a": "\ud83d", "b": "\U0001f600 é"}) == '{"a":"\\ud83d","b":"\U0001f600 é"}'


def _is_finite(value):
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True

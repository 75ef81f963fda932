"""A definition of any form is refused, or its execution ends: nothing trips the interpreter."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.interpreter.stage import play
from workflows.interpreter import definition
from workflows.interpreter.states_schema import FIELDS

WORDS = [
    *["", "S", "$", "$$", "$.a", "$.a[?(@.b == c)]", "$..*", "States.Array($.a)", "States.ALL", "2030-01-01T00:00:00Z"],
    *["Pass", "CSV", "JSON", "MANIFEST", "FIRST_ROW", "GIVEN", "ATHENA_DATA", "LOAD_AND_FLATTEN"],
]
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "Parameters": {"Bucket": "b", "Key": "k"},
    "ReaderConfig": {"InputType": "JSON"},
}
READER_FIELDS = [
    *["InputType", "CSVHeaders", "CSVHeaderLocation", "CSVDelimiter", "ItemsPointer", "MaxItems", "MaxItemsPath"],
    *["ManifestType", "Transformation"],
]
KEYS = ["Type", "Next", "ErrorEquals", "a", "a.$", "Variable", "NumericEquals", "IsPresent", "Not", *READER_FIELDS]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from([0.5, 1e300]) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
INNER = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **INNER}
STATES: list[dict[str, Any]] = [
    {"Type": "Task", "Resource": "arn:aws:states:::stub:work", "End": True},
    {"Type": "Wait", "Seconds": 1, "End": True},
    {"Type": "Pass", "End": True},
    {"Type": "Fail"},
    {"Type": "Succeed"},
    {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "S"}], "Default": "S"},
    {"Type": "Parallel", "Branches": [INNER], "End": True},
    {"Type": "Map", "ItemProcessor": INNER, "End": True},
    {"Type": "Map", "ItemProcessor": DISTRIBUTED, "ItemReader": READER, "End": True},
]
OBJECTS = st.sampled_from([b'[1, {"a": 2}]', b'{"a": 1}', b"a,b\n1,2\n", b"s3://b/k\n", b"\xff", b""])


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """Give a state of which a few fields hold anything."""
    state = draw(st.sampled_from(STATES))
    state = {**state, **draw(st.dictionaries(st.sampled_from(sorted(FIELDS[state["Type"]])), VALUES, max_size=2))}
    if state.get("ItemReader") is READER:
        config = draw(st.dictionaries(st.sampled_from(READER_FIELDS), VALUES, max_size=3))
        state["ItemReader"] = {**READER, "ReaderConfig": {**READER["ReaderConfig"], **config}}
    return state


@given(states(), VALUES, OBJECTS)
def test_a_definition_is_refused_or_its_execution_ends(state: dict[str, Any], given_input: Any, body: bytes) -> None:
    document = {"StartAt": "S", "States": {"S": state}}
    if definition.diagnostics(json.dumps(document)):
        return
    seen = play(document, given_input, stop_after=5, getObject=lambda _: {"Body": body})
    assert seen.outcome.status in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")

"""Choice rules."""

from typing import Any

import pytest

from workflows.interpreter import choice
from workflows.interpreter.errors import StatesError

DATA = {
    "n": 20,
    "half": 0.5,
    "text": "batch",
    "empty": "",
    "yes": True,
    "nothing": None,
    "at": "2024-07-01T10:00:00Z",
    "later": "2024-07-01T13:00:00+02:00",
    "list": [],
    "other": {"n": 20.0, "text": "batch", "yes": True, "at": "2024-07-01T12:00:00+02:00"},
}


def holds(**rule: Any) -> bool:
    return choice.holds(rule, DATA, {"Execution": {"Name": "run-1"}})


def test_the_first_rule_that_holds_decides() -> None:
    state = {
        "Choices": [
            {"Variable": "$.n", "NumericLessThan": 10, "Next": "Small"},
            {"Variable": "$.n", "NumericLessThan": 30, "Next": "Middle"},
            {"Variable": "$.n", "NumericLessThan": 40, "Next": "Large"},
        ],
        "Default": "Huge",
    }
    assert choice.choose(state, {"n": 20}, {}) == "Middle"
    assert choice.choose(state, {"n": 99}, {}) == "Huge"


def test_without_a_match_and_without_default_there_is_no_next_state() -> None:
    assert choice.choose({"Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "A"}]}, DATA, {}) is None


@pytest.mark.parametrize(
    ("variable", "operator", "operand", "expected"),
    [
        ("$.text", "StringEquals", "batch", True),
        ("$.text", "StringEquals", "Batch", False),
        ("$.text", "StringLessThan", "batches", True),
        ("$.text", "StringGreaterThanEquals", "batch", True),
        ("$.text", "StringGreaterThan", "batch", False),
        ("$.n", "StringEquals", "20", False),
        ("$.n", "NumericEquals", 20.0, True),
        ("$.half", "NumericLessThanEquals", 0.5, True),
        ("$.text", "NumericGreaterThan", 1, False),
        ("$.yes", "NumericEquals", 1, False),
        ("$.yes", "BooleanEquals", True, True),
        ("$.n", "BooleanEquals", False, False),
        ("$.nothing", "StringEquals", "", False),
        ("$.at", "TimestampEquals", "2024-07-01T12:00:00+02:00", True),
        ("$.at", "TimestampLessThan", "2024-07-01T10:00:00.000000001Z", True),
        ("$.later", "TimestampGreaterThan", "2024-07-01T10:59:59Z", True),
        ("$.text", "TimestampEquals", "2024-07-01T10:00:00Z", False),
        ("$.n", "NumericEqualsPath", "$.other.n", True),
        ("$.text", "StringEqualsPath", "$.other.text", True),
        ("$.yes", "BooleanEqualsPath", "$.other.yes", True),
        ("$.at", "TimestampLessThanEqualsPath", "$.other.at", True),
        ("$.at", "TimestampGreaterThanPath", "$.later", False),
        ("$$.Execution.Name", "StringEquals", "run-1", True),
        ("$.nothing", "IsNull", True, True),
        ("$.n", "IsNull", False, True),
        ("$.n", "IsNumeric", True, True),
        ("$.yes", "IsNumeric", True, False),
        ("$.empty", "IsString", True, True),
        ("$.yes", "IsBoolean", True, True),
        ("$.n", "IsBoolean", False, True),
        ("$.at", "IsTimestamp", True, True),
        ("$.text", "IsTimestamp", False, True),
        ("$.nothing", "IsPresent", True, True),
        ("$.gone.deep", "IsPresent", True, False),
        ("$.gone", "IsPresent", False, True),
    ],
)
def test_an_operator_decides(variable: str, operator: str, operand: Any, expected: bool) -> None:
    assert holds(Variable=variable, **{operator: operand}) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("log-*.txt", "log-2024.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log-2024.csv", False),
        ("*", "", True),
        ("a.c", "abc", False),
        (r"100\*", "100*", True),
        (r"100\*", "1000", False),
        (r"c:\\*", "c:\\temp", True),
        ("*\n*", "two\nlines", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*", 5, False),
    ],
)
def test_string_matches_knows_wildcards_and_escapes(pattern: str, text: Any, expected: bool) -> None:
    assert choice.holds({"Variable": "$", "StringMatches": pattern}, text, {}) is expected


@pytest.mark.parametrize(
    "text",
    [
        "2024-07-01T10:00:00",
        "2024-07-01 10:00:00Z",
        "2024-07-01t10:00:00z",
        "2024-13-01T10:00:00Z",
        "2024-07-01T25:00:00Z",
        "01-07-2024T10:00:00Z",
        "2024-07-01",
        "",
        7,
        None,
    ],
)
def test_what_is_no_timestamp_is_none(text: Any) -> None:
    assert choice.holds({"Variable": "$", "IsTimestamp": False}, text, {})


def test_rules_combine() -> None:
    small = {"Variable": "$.n", "NumericLessThan": 10}
    text = {"Variable": "$.text", "StringEquals": "batch"}
    assert not holds(And=[text, small])
    assert holds(Or=[small, text])
    assert holds(Not=small)
    assert holds(And=[{"Or": [small, text]}, {"Not": {"Not": text}}])


def test_a_later_part_is_not_read_once_the_answer_is_known() -> None:
    absent = {"Variable": "$.gone", "IsPresent": True}
    reads_it = {"Variable": "$.gone", "NumericEquals": 1}
    assert not holds(And=[absent, reads_it])
    assert holds(Or=[{"Not": absent}, reads_it])


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.gone", "StringEquals": "x"},
        {"Variable": "$.gone", "IsNull": True},
        {"Variable": "$.text", "StringEqualsPath": "$.gone"},
    ],
)
def test_a_path_that_selects_nothing_fails_the_state(rule: dict[str, Any]) -> None:
    with pytest.raises(StatesError) as failure:
        choice.holds(rule, DATA, {})
    assert failure.value.error == "States.Runtime"
    assert failure.value.cause == (
        "Invalid path '$.gone': The choice state's condition path references an invalid value."
    )

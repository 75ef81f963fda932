"""Intrinsic functions."""

import contextlib
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.interpreter import intrinsics
from workflows.interpreter.errors import StatesError
from workflows.interpreter.intrinsic_syntax import ARITY, IntrinsicSyntaxError, parse
from workflows.interpreter.json_text import text_of
from workflows.interpreter.paths import PathSyntaxError

DATA = {
    "rows": [1, 2, 3, 4, 5],
    "name": "July",
    "shape": {"size": 2, "tags": []},
    "mixed": [None, None, True, 1, 1, 1.0, "1", [], [], {"a": 1, "b": 2}, {"b": 2, "a": 1}],
    "text": '{"ok": [1.5, null]}',
    "long": "x" * 10_001,
    "people": [{"name": "Ann", "age": 40}, {"name": "Bo", "age": 7}],
    "half": '"\\ud800"',
    "digits": "9" * 5000,
}
CONTEXT = {"Execution": {"Name": "run-7"}}


def value(call: str) -> Any:
    return intrinsics.evaluate(call, DATA, CONTEXT)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("States.Format('{} of {}', $.name, $$.Execution.Name)", "July of run-7"),
        ("States.Format('{}|{}|{}|{}', null, true, 1, 1.5)", "null|true|1|1.5"),
        ("States.Format('{}', $.shape)", "{size=2, tags=[]}"),
        ("States.Format('{}', $.rows)", "[1, 2, 3, 4, 5]"),
        (r"States.Format('\{{}\} it\'s \\', $.name)", r"{July} it's \ ".rstrip()),
        ("States.Format('plain')", "plain"),
        ("States.Format($.name)", "July"),
        ("States.StringToJson($.text)", {"ok": [1.5, None]}),
        ("States.StringToJson('{\"a\": 1}')", {"a": 1}),
        ("States.StringToJson('')", None),
        ("States.StringToJson(' ')", None),
        ("States.JsonToString($.shape)", '{"size":2,"tags":[]}'),
        ("States.Array()", []),
        ("States.Array(1, 'a', $.name, States.Array(true))", [1, "a", "July", [True]]),
        ("States.ArrayPartition($.rows, 2)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayPartition($.rows, 1.5)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayContains($.rows, 3)", True),
        ("States.ArrayContains($.mixed, 'x')", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(3, -3, -3)", [3, 0, -3]),
        ("States.ArrayRange(0, 3, 1)", [0, 1, 2, 3]),
        ("States.ArrayGetItem($.rows, 0)", 1),
        ("States.ArrayLength($.rows)", 5),
        ("States.ArrayUnique($.mixed)", [None, True, 1, 1.0, "1", [], {"a": 1, "b": 2}]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "Data to encode"),
        ("States.Base64Decode('')", ""),
        ("States.Hash('input data', 'MD5')", "812f45842bc6d66ee14572ce20db8e86"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.JsonMerge($.shape, States.StringToJson('{\"size\": 3}'), false)", {"size": 3, "tags": []}),
        ("States.MathAdd(1.49, 1.5)", 3),
        ("States.MathAdd(1.5, 1.51)", 4),
        ("States.MathAdd(-1.49, -1.5)", -2),
        ("States.MathAdd(-9, 3)", -6),
        ("States.StringSplit('This.is+a,test=string', '.+,=')", ["This", "is", "a", "test", "string"]),
        ("States.StringSplit(', , ,', ',')", [" ", " "]),
        ("States.StringSplit(',,', ',')", []),
        ("States.StringSplit('a\nb', '\n')", ["a", "b"]),
        ("States.JsonToString($.rows[?(@ > 3)])", "[4,5]"),
        ("States.ArrayGetItem($.people[?(@.name == Ann)].age, 0)", 40),
        ("States.Array($.gone[*])", [[]]),
        ("States.ArrayRange(1, 1000, 1)", list(range(1, 1001))),
        ("States.ArrayRange(5, 1, 1)", []),
        ("States.StringToJson('1e300')", 1e300),
        ("States.Format('{}', -0.0)", "-0.0"),
    ],
)
def test_a_function_gives(call: str, expected: Any) -> None:
    assert value(call) == expected
    assert type(value(call)) is type(expected)


def test_uuids_are_version_four_and_new_each_time() -> None:
    first, second = value("States.UUID()"), value("States.UUID()")
    assert uuid.UUID(first).version == 4
    assert first != second


def test_a_random_number_lies_in_the_half_open_range_and_follows_its_seed() -> None:
    assert {value("States.MathRandom(1, 3)") for _ in range(100)} == {1, 2}
    assert value("States.MathRandom(0, 999999, 3)") == value("States.MathRandom(0, 999999, 3)")


@pytest.mark.parametrize(
    "call",
    [
        "States.Format('{} {}', 1)",
        "States.Format('{}', 1, 2)",
        "States.StringToJson('no json')",
        "States.StringToJson(1)",
        "States.ArrayPartition($.rows, 0)",
        "States.ArrayPartition($.name, 1)",
        "States.ArrayRange(0, 1000, 1)",
        "States.ArrayRange(1, 5, 0)",
        "States.ArrayGetItem($.rows, 5)",
        "States.ArrayGetItem($.rows, -1)",
        "States.ArrayLength($.shape)",
        "States.Base64Encode($.long)",
        "States.Base64Decode('%')",
        "States.Hash('a', 'SHA-3')",
        "States.JsonMerge($.shape, $.rows, false)",
        "States.JsonMerge($.shape, $.shape, true)",
        "States.MathAdd('1', 2)",
        "States.MathAdd(2147483648, 1)",
        "States.MathRandom(3, 3)",
        "States.ArrayRange(0, 1e300, 1)",
        "States.ArrayRange(1000, 0, -1)",
        "States.Hash('a', $.rows)",
        "States.StringToJson('NaN')",
        "States.StringToJson('[1e400]')",
        "States.StringToJson($.half)",
        "States.StringToJson($.digits)",
        "States.StringSplit($.rows, ',')",
    ],
)
def test_an_argument_that_does_not_fit_fails_the_function(call: str) -> None:
    with pytest.raises(StatesError) as failure:
        value(call)
    assert failure.value.error == "States.IntrinsicFailure"
    assert str(failure.value.cause).startswith(f"The function '{call}' had the following error: ")


def test_a_path_that_selects_nothing_is_a_runtime_error_that_names_call_and_path() -> None:
    with pytest.raises(StatesError) as failure:
        intrinsics.evaluate("States.Array(States.Format('{}', $.gone))", {"a": 1}, {})
    assert failure.value.error == "States.Runtime"
    assert failure.value.cause == (
        "The function 'States.Format('{}', $.gone)' had the following error: The JsonPath argument for the field "
        "'$.gone' could not be found in the input '{\"a\":1}'"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "States.Nope()",
        "States.Array(",
        "States.Array(1",
        "States.Array(1,)",
        "States.Array(1) ",
        "States.Array(1)[0]",
        "States.Array('a)",
        "States.Array(abc)",
        "States.UUID(1)",
        "States.JsonMerge($.a, $.b)",
        "States.ArrayLength()",
        "States.Array($.a[)",
        "States.Array(1e400)",
        "States.Array(" + "9" * 5000 + ")",
        r"States.Format('line\n')",
        r"States.StringToJson('{\"a\": 1}')",
        "States.Array(" * 11 + ")" * 11,
    ],
)
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises((IntrinsicSyntaxError, PathSyntaxError)):
        parse(text)


def test_ten_functions_may_stand_inside_one_another() -> None:
    assert value("States.Array(" * 10 + ")" * 10) == [[[[[[[[[[]]]]]]]]]]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_an_escaped_string_comes_out_as_it_went_in(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", r"\'").replace("{", r"\{").replace("}", r"\}")
    assert value(f"States.Format('{escaped}')") == text
    assert value(f"States.ArrayGetItem(States.Array('{escaped}'), 0)") == text


@given(st.text("States.Format(){}',$\\1 .", max_size=25))
def test_any_text_is_either_a_call_or_refused_as_none(text: str) -> None:
    try:
        parse("States.Format(" + text)
    except (IntrinsicSyntaxError, PathSyntaxError):
        return


ARGUMENTS = [
    *["$.rows", "$.name", "$.shape", "$.mixed", "$.text", "$.half", "$.gone[*]", "$.people[?(@.age > 9)]"],
    *["null", "true", "'x{}'", "''", "'MD5'", "0", "-1", "1.5", "1e300", "2147483648", "States.Array($.rows)"],
]


@given(st.sampled_from(sorted(ARITY)), st.lists(st.sampled_from(ARGUMENTS), max_size=3))
def test_a_function_of_anything_gives_json_or_fails_by_name(name: str, arguments: list[str]) -> None:
    call = f"States.{name}({', '.join(arguments)})"
    try:
        parse(call)
    except IntrinsicSyntaxError:
        return
    with contextlib.suppress(StatesError):
        text_of(value(call))

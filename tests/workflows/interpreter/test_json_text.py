"""What is JSON, and what is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.interpreter import json_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":1,"a":2}', {"a": 2}),
        ("-0.0", -0.0),
        ("1e300", 1e300),
        ('"\\ud83d\\ude00 \u2028"', "\U0001f600 \u2028"),
        ("1" * 4000, int("1" * 4000)),
    ],
)
def test_json_is_read(text: str, value: Any) -> None:
    assert json_text.parse(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "Non-standard token 'NaN'"),
        ('{"a": [-Infinity]}', "Non-standard token '-Infinity'"),
        ("[1e400]", "Numeric value (1e400) out of range of double"),
        ('"\\ud800"', "Incomplete surrogate pair in a string"),
        ('{"\\udc00": 1}', "Incomplete surrogate pair in a string"),
        ('"\ud800"', "Incomplete surrogate pair in a string"),
        ("9" * 5000, "Number value length exceeds the maximum allowed"),
        ("[" * 100_000, "Document nesting depth exceeds the maximum allowed"),
    ],
)
def test_what_python_takes_beyond_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(json_text.JsonError) as refusal:
        json_text.parse(text)
    assert refusal.value.message == message
    refusal.value.location.encode()


@given(st.text('[]{}":,\\0123456789eE+-.aInfinityNd8c\ud800 ', max_size=30))
def test_any_text_is_refused_or_goes_out_as_the_same_json(text: str) -> None:
    try:
        value = json_text.parse(text)
    except json_text.JsonError:
        return
    written = json_text.text_of(value).encode()
    assert json_text.parse(written.decode()) == value

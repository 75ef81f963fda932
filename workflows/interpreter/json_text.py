"""Reading and writing JSON: what comes in and what goes out is RFC 8259 in valid UTF-8, and nothing else.

Step Functions' parser is Jackson, whose words appear in the answers of CreateStateMachine and StartExecution, e.g.
"Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')".
What Python's parser takes beyond JSON (NaN, numbers that become Infinity, half surrogates) is refused.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from workflows.interpreter.errors import InterpreterError

_WORD = re.compile(r"[\w$]+")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class JsonError(InterpreterError):
    """A text that is no JSON.

    Attributes
    ----------
    message
        What is wrong, without the place.
    location
        Where, e.g. ``[Source: (String)"not JSON"; line: 1, column: 4]``.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        shown = _shortened(text).encode(errors="replace").decode()
        self.location = f'[Source: (String)"{shown}"; line: {line}, column: {column}]'


class NestedTooDeeply(JsonError):
    """A text whose arrays and objects are inside one another more often than can be read."""


def parse(text: str) -> Any:
    """JSON value of `text`. Raises `JsonError`; NaN and Infinity are no JSON."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if not text.isascii() or _SURROGATE.search(text):
            text_of(value).encode()
    except json.JSONDecodeError as problem:
        message, position = _explained(problem)
        raise JsonError(message, text, position) from None
    except _NoNumber as token:
        raise JsonError(str(token), text, max(text.find(token.text), 0)) from None
    except UnicodeEncodeError:
        raise JsonError("Incomplete surrogate pair in a string", text, 0) from None
    except RecursionError:
        raise NestedTooDeeply("Document nesting depth exceeds the maximum allowed", text, 0) from None
    except ValueError:
        raise JsonError("Number value length exceeds the maximum allowed", text, 0) from None
    return value


def text_of(value: Any) -> str:
    """JSON text of `value` as Step Functions shows it: without blanks, letters as they are."""
    return _encode(value)


class _NoNumber(Exception):
    def __init__(self, problem: str, text: str) -> None:
        super().__init__(problem)
        self.text = text


def _refuse(constant: str) -> Any:
    raise _NoNumber(f"Non-standard token '{constant}'", constant)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NoNumber(f"Numeric value ({_shortened(text, 50)}) out of range of double", text)
    return number


def _explained(problem: json.JSONDecodeError) -> tuple[str, int]:
    """Jackson's words for Python's complaint, and the index after what it read."""
    text, position = problem.doc, problem.pos
    if position >= len(text):
        return "Unexpected end-of-input", position
    letter = text[position]
    value = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    if problem.msg == "Expecting value" and (word := _WORD.match(text, position)):
        return f"Unrecognized token '{word.group()}': was expecting {value}", word.end()
    expectations = {
        "Expecting value": f"expected a valid value {value}",
        "Expecting property name enclosed in double quotes": "was expecting double-quote to start field name",
        "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
        "Expecting ',' delimiter": "was expecting comma to separate Object or Array entries",
    }
    if problem.msg in expectations:
        return f"Unexpected character ('{letter}' (code {ord(letter)})): {expectations[problem.msg]}", position + 1
    return problem.msg, position + 1


def _shortened(text: str, limit: int = 500) -> str:
    return text if len(text) <= limit else f"{text[:limit]}[truncated {len(text) - limit} chars]"

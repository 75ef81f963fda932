"""Reading JSON with the complaints that Step Functions passes on.

Its parser is Jackson, whose words appear in the answers of CreateStateMachine and StartExecution, e.g.
"Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')".
"""

from __future__ import annotations

import json
import re
from typing import Any

from workflows.interpreter.errors import InterpreterError

_WORD = re.compile(r"[\w$]+")


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
        self.location = f'[Source: (String)"{_shortened(text)}"; line: {line}, column: {column}]'


def parse(text: str) -> Any:
    """JSON value of `text`. Raises `JsonError`; NaN and Infinity are no JSON."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as problem:
        message, position = _explained(problem)
        raise JsonError(message, text, position) from None
    except _NoNumber as constant:
        raise JsonError(f"Non-standard token '{constant}'", text, text.find(str(constant))) from None


class _NoNumber(Exception):
    pass


def _refuse(constant: str) -> Any:
    raise _NoNumber(constant)


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

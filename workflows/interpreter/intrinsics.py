"""The intrinsic functions of the JSONPath language: ``States.Format`` and its kin.

Source: Step Functions developer guide, "Intrinsic functions for JSONPath states", for arguments and limits. That
numbers are rounded half up, and that an object in Format shows as ``{a=1, b=[]}``, is how Step Functions answers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from workflows.interpreter import json_text
from workflows.interpreter.errors import StatesError
from workflows.interpreter.intrinsic_syntax import Argument, Call, Literal, parse
from workflows.interpreter.json_text import text_of
from workflows.interpreter.path_functions import NothingThere

MAX_RANGE = 1000
MAX_CHARACTERS = 10_000
_INT32 = range(-(2**31), 2**31)


class _Unfit(Exception):
    """An argument that the function cannot take; the message says why."""


def evaluate(text: str, document: Any, context: Any) -> Any:
    """Value of the call `text`, whose paths read `document` ("$…") and `context` ("$$…").

    Raises
    ------
    StatesError
        "States.IntrinsicFailure" if a function cannot take an argument, "States.Runtime" if an argument's path
        selects nothing.
    IntrinsicSyntaxError, PathSyntaxError
        If `text` is no call; a definition that holds it is refused when it is loaded.
    """
    return _call(parse(text), document, context)


def _call(call: Call, document: Any, context: Any) -> Any:
    arguments = [_value(argument, call, document, context) for argument in call.arguments]
    try:
        if call.name == "Format":
            return _format(call.arguments[0], arguments)
        return _FUNCTIONS[call.name](*arguments)
    except _Unfit as problem:
        raise StatesError("States.IntrinsicFailure", _explained(call, str(problem))) from None


def _value(argument: Argument, call: Call, document: Any, context: Any) -> Any:
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Call):
        return _call(argument, document, context)
    source = context if argument.of_context else document
    try:
        return argument.find(source)
    except NothingThere:
        missing = (
            f"The JsonPath argument for the field '{argument.text}' could not be found in the input '{text_of(source)}'"
        )
        raise StatesError("States.Runtime", _explained(call, missing)) from None


def _explained(call: Call, problem: str) -> str:
    return f"The function '{call.text}' had the following error: {problem}"


def _format(template: Argument, arguments: list[Any]) -> str:
    if isinstance(template, Literal) and isinstance(template.value, str):
        pieces: tuple[str, ...] = template.pieces
    else:
        pieces = tuple(_text(arguments[0], "The first argument").split("{}"))
    values = arguments[1:]
    if len(values) != len(pieces) - 1:
        raise _Unfit(f"number of arguments do not match the occurrences of {{}}: {len(values)}, {len(pieces) - 1}")
    return pieces[0] + "".join(_shown(value) + piece for value, piece in zip(values, pieces[1:], strict=True))


def _shown(value: Any) -> str:
    """`value` as Java prints it: strings bare, objects as ``{a=1}``, arrays as ``[1, 2]``."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return text_of(value)


def _string_to_json(text: Any) -> Any:
    string = _text(text, "The argument")
    try:
        # Step Functions takes a text in which there is nothing for null.
        return json_text.parse(string) if string.strip() else None
    except json_text.JsonError as problem:
        raise _Unfit(problem.message) from None


def _array_partition(array: Any, size: Any) -> list[Any]:
    items, step = _array(array), _integer(size)
    if step <= 0:
        raise _Unfit("the chunk size must be a positive integer")
    return [items[start : start + step] for start in range(0, len(items), step)]


def _array_contains(array: Any, wanted: Any) -> bool:
    return any(_same(item, wanted) for item in _array(array))


def _array_range(first: Any, last: Any, step: Any) -> list[int]:
    start, stop, stride = _integer(first), _integer(last), _integer(step)
    if stride == 0:
        raise _Unfit("the step must not be zero")
    if (stop - start) // stride >= MAX_RANGE:
        raise _Unfit(f"the array must not have more than {MAX_RANGE} items")
    return list(range(start, stop + (1 if stride > 0 else -1), stride))


def _array_get_item(array: Any, index: Any) -> Any:
    items, position = _array(array), _integer(index)
    if not 0 <= position < len(items):
        raise _Unfit(f"the index {position} is out of bounds for an array of length {len(items)}")
    return items[position]


def _array_unique(array: Any) -> list[Any]:
    kept: dict[str, Any] = {}
    for item in _array(array):
        kept.setdefault(_canonical(item), item)
    return list(kept.values())


def _base64_encode(text: Any) -> str:
    return base64.b64encode(_bounded(text).encode()).decode()


def _base64_decode(text: Any) -> str:
    try:
        return base64.b64decode(_bounded(text), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as problem:
        raise _Unfit(f"the argument is not Base64: {problem}") from None


_ALGORITHMS: dict[str, Callable[[bytes], Any]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


def _hash(data: Any, algorithm: Any) -> str:
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise _Unfit(f"the algorithm must be one of [{', '.join(_ALGORITHMS)}]")
    text = data if isinstance(data, str) else text_of(data)
    digest: str = _ALGORITHMS[algorithm](_bounded(text).encode()).hexdigest()
    return digest


def _json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise _Unfit("the first two arguments must be JSON objects")
    if deep is not False:
        raise _Unfit("the third argument must be false: only shallow merging is supported")
    return {**first, **second}


def _math_random(first: Any, last: Any, seed: Any = None) -> int:
    start, stop = _integer(first), _integer(last)
    if start >= stop:
        raise _Unfit("the start must be less than the end")
    generator = random.Random() if seed is None else random.Random(_integer(seed))  # noqa: S311 - no secret
    return generator.randrange(start, stop)


def _math_add(first: Any, second: Any) -> int:
    left, right = _integer(first), _integer(second)
    if left not in _INT32 or right not in _INT32:
        raise _Unfit(f"the arguments must be between {_INT32.start} and {_INT32.stop - 1}")
    return left + right


def _string_split(text: Any, separators: Any) -> list[str]:
    string, letters = _text(text, "The first argument"), _text(separators, "The second argument")
    if not letters:
        return [string]
    # Every letter of the second argument separates, and empty parts are left out.
    return [part for part in re.split(f"[{re.escape(letters)}]", string) if part]


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "StringToJson": _string_to_json,
    "JsonToString": text_of,
    "Array": lambda *items: list(items),
    "ArrayPartition": _array_partition,
    "ArrayContains": _array_contains,
    "ArrayRange": _array_range,
    "ArrayGetItem": _array_get_item,
    "ArrayLength": lambda array: len(_array(array)),
    "ArrayUnique": _array_unique,
    "Base64Encode": _base64_encode,
    "Base64Decode": _base64_decode,
    "Hash": _hash,
    "JsonMerge": _json_merge,
    "MathRandom": _math_random,
    "MathAdd": _math_add,
    "StringSplit": _string_split,
    "UUID": lambda: str(uuid.uuid4()),
}


def _same(left: Any, right: Any) -> bool:
    return _canonical(left) == _canonical(right)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Unfit(f"expected an array, got {text_of(value)}")
    return value


def _text(value: Any, which: str) -> str:
    if not isinstance(value, str):
        raise _Unfit(f"{which} must be a string, got {text_of(value)}")
    return value


def _bounded(value: Any) -> str:
    text = _text(value, "The argument")
    if len(text) > MAX_CHARACTERS:
        raise _Unfit(f"the argument must not have more than {MAX_CHARACTERS} characters")
    return text


def _integer(value: Any) -> int:
    """`value` rounded half up, as Java rounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Unfit(f"expected a number, got {text_of(value)}")
    return value if isinstance(value, int) else math.floor(value + 0.5)

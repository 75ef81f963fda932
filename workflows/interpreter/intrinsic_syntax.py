"""Calls of intrinsic functions, as text and as a tree: ``States.Format('{} rows', $.rows)``.

Sources: Amazon States Language specification, "Intrinsic Functions"; Step Functions developer guide, "Intrinsic
functions for JSONPath states" (at most 10 calls inside one another; `'`, `{`, `}` and the backslash are escaped
with a backslash, which may precede nothing else).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from workflows.interpreter import json_text
from workflows.interpreter.compiled_path import Path
from workflows.interpreter.errors import InterpreterError
from workflows.interpreter.path_syntax import compile_path

MAX_DEPTH = 10
# Name -> smallest and largest number of arguments; None: no limit.
ARITY: dict[str, tuple[int, int | None]] = {
    "Format": (1, None),
    "StringToJson": (1, 1),
    "JsonToString": (1, 1),
    "Array": (0, None),
    "ArrayPartition": (2, 2),
    "ArrayContains": (2, 2),
    "ArrayRange": (3, 3),
    "ArrayGetItem": (2, 2),
    "ArrayLength": (1, 1),
    "ArrayUnique": (1, 1),
    "Base64Encode": (1, 1),
    "Base64Decode": (1, 1),
    "Hash": (2, 2),
    "JsonMerge": (3, 3),
    "MathRandom": (2, 3),
    "MathAdd": (2, 2),
    "StringSplit": (2, 2),
    "UUID": (0, 0),
}
_HEAD = re.compile(r"States\.(\w+)\(")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?=\s*[,)])")
_WORD = re.compile(r"(true|false|null)(?=\s*[,)])")
_WORDS = {"true": True, "false": False, "null": None}


class IntrinsicSyntaxError(InterpreterError):
    """A text that is no call of an intrinsic function."""


@dataclass(frozen=True)
class Literal:
    """A constant argument; `pieces` are what stands between the unescaped `{}` of a string."""

    value: str | float | bool | None
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call; `text` is how it was written."""

    name: str
    arguments: tuple[Argument, ...]
    text: str


Argument = Literal | Path | Call


@lru_cache(maxsize=4096)
def parse(text: str) -> Call:
    """Parse a call, once per text. Raises `IntrinsicSyntaxError`, or `PathSyntaxError` for a path inside it."""
    parser = _Parser(text)
    call = parser.call(depth=1)
    if parser.position != len(text):
        raise IntrinsicSyntaxError(f"Unexpected text at position {parser.position} of {text}")
    return call


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def call(self, depth: int) -> Call:
        start = self.position
        head = _HEAD.match(self.text, start)
        if head is None or head.group(1) not in ARITY:
            raise IntrinsicSyntaxError(f"No intrinsic function at position {start} of {self.text}")
        if depth > MAX_DEPTH:
            raise IntrinsicSyntaxError(f"More than {MAX_DEPTH} functions inside one another: {self.text}")
        self.position = head.end()
        arguments = self._arguments(depth)
        name = head.group(1)
        least, most = ARITY[name]
        if len(arguments) < least or (most is not None and len(arguments) > most):
            raise IntrinsicSyntaxError(f"Invalid number of arguments for States.{name}: {len(arguments)}")
        return Call(name, arguments, self.text[start : self.position])

    def _arguments(self, depth: int) -> tuple[Argument, ...]:
        arguments: list[Argument] = []
        self._skip_blanks()
        if self._take(")"):
            return ()
        while True:
            self._skip_blanks()
            arguments.append(self._argument(depth))
            self._skip_blanks()
            if self._take(")"):
                return tuple(arguments)
            if not self._take(","):
                raise IntrinsicSyntaxError(f"Expected ',' or ')' at position {self.position} of {self.text}")

    def _argument(self, depth: int) -> Argument:
        if self._take("'"):
            return self._string()
        if self.text.startswith("$", self.position):
            return self._path()
        if found := _NUMBER.match(self.text, self.position):
            self.position = found.end()
            try:
                return Literal(json_text.parse(found.group()))
            except json_text.JsonError as problem:
                raise IntrinsicSyntaxError(problem.message) from problem
        if found := _WORD.match(self.text, self.position):
            self.position = found.end()
            return Literal(_WORDS[found.group()])
        return self.call(depth + 1)

    def _string(self) -> Literal:
        pieces = [""]
        value = ""
        while self.position < len(self.text):
            letter = self.text[self.position]
            if letter == "'":
                self.position += 1
                return Literal(value, tuple(pieces))
            if letter == "\\":
                self.position += 1
                letter = self.text[self.position : self.position + 1]
                if letter not in {"'", "{", "}", "\\"}:
                    raise IntrinsicSyntaxError(f"Invalid escape at position {self.position} of {self.text}")
                pieces[-1] += letter
            elif self.text.startswith("{}", self.position):
                self.position += 1
                letter = "{}"
                pieces.append("")
            else:
                pieces[-1] += letter
            value += letter
            self.position += 1
        raise IntrinsicSyntaxError(f"A string does not end: {self.text}")

    def _path(self) -> Path:
        """Read a path: it ends at the comma or parenthesis that is not inside its own brackets or quotes."""
        start, depth, quote = self.position, 0, ""
        while self.position < len(self.text):
            letter = self.text[self.position]
            if quote:
                if letter == "\\":
                    self.position += 1
                elif letter == quote:
                    quote = ""
            elif letter in "'\"":
                quote = letter
            elif letter in "([":
                depth += 1
            elif depth and letter in ")]":
                depth -= 1
            elif letter in ",)":
                break
            self.position += 1
        return compile_path(self.text[start : self.position].rstrip())

    def _take(self, token: str) -> bool:
        taken = self.text.startswith(token, self.position)
        if taken:
            self.position += 1
        return taken

    def _skip_blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

"""JSONPath text to steps, in the dialect of Step Functions.

Step Functions reads paths as the Jayway library does: dots and brackets, wildcards, slices, unions, filters,
recursive descent, and functions at the end (Jayway JsonPath README). A slice's third number is read and, as
there, has no effect.
"""

from __future__ import annotations

import re
from functools import lru_cache

from workflows.interpreter.compiled_path import Path
from workflows.interpreter.errors import InterpreterError
from workflows.interpreter.filter_operators import MISSING
from workflows.interpreter.path_filters import FilterParser, FilterSyntaxError, Operand, quoted
from workflows.interpreter.path_functions import FUNCTIONS, NothingThere
from workflows.interpreter.path_steps import (
    Descend,
    Filter,
    Indexes,
    Names,
    Slice,
    Step,
    Wildcard,
)

# A backslash takes the meaning from the character after it (Amazon States Language specification, "Reference Paths").
_NAME = re.compile(r"(?:\\.|[^.\[\]()\s,'\"*?\\])+", re.DOTALL)
_NAME_IN_FILTER = re.compile(r"(?:\\.|[^.\[\]()\s,'\"*?\\!&|<>=])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CALL = re.compile(r"(\w+)\(\s*\)")
_SLICE = re.compile(r"(-?\d{0,10})\s*:\s*(-?\d{0,10})(?:\s*:\s*-?\d{0,10})?$", re.ASCII)
_INDEXES = re.compile(r"-?\d{1,10}(?:\s*,\s*-?\d{1,10})*$", re.ASCII)
_FROM_THE_END = re.compile(r"\(\s*@\.(?:length|size)(?:\(\s*\))?\s*-\s*([1-9]\d{0,9})\s*\)$", re.ASCII)


class PathSyntaxError(InterpreterError):
    """A text that is no JSONPath."""


@lru_cache(maxsize=8192)
def compile_path(text: str) -> Path:
    """Compile a path, once per text. Blanks after it do not count.

    Raises
    ------
    PathSyntaxError
        If the text is no path, or names a variable (`$name`): those are not supported yet.
    """
    if not text.startswith("$"):
        raise PathSyntaxError(f"A path must start with '$': {text}")
    text = text.rstrip()
    of_context = text.startswith("$$")
    reader = _Reader(text, 2 if of_context else 1)
    try:
        steps, function = reader.read()
    except FilterSyntaxError as problem:
        raise PathSyntaxError(f"{problem} in {text}") from problem
    if reader.position != len(text):
        raise PathSyntaxError(f"Unexpected text at position {reader.position} of {text}")
    return Path(text, of_context, steps, function)


def _in_their_places(steps: list[Step]) -> tuple[Step, ...]:
    """Tell unions and filters what their place in the path makes of them."""
    placed: list[Step] = []
    for position, step in enumerate(steps):
        deep = position > 0 and isinstance(steps[position - 1], Descend)
        if isinstance(step, Names) and len(step.names) > 1:
            placed.append(Names(step.names, each=position < len(steps) - 1, all_there=deep))
        elif isinstance(step, Filter):
            placed.append(Filter(step.predicate, objects_only=deep))
        else:
            placed.append(step)
    return tuple(placed)


class _Reader:
    """Reads the steps of one path from `position` on, up to what cannot belong to a path."""

    def __init__(self, text: str, position: int, *, in_filter: bool = False) -> None:
        self.text = text
        self.position = position
        # In a filter a path ends where an operator begins; elsewhere such characters may be part of a name.
        self._name = _NAME_IN_FILTER if in_filter else _NAME

    def read(self) -> tuple[tuple[Step, ...], str | None]:
        steps: list[Step] = []
        while self.position < len(self.text):
            if self._ahead("["):
                steps.append(self._bracket())
            elif self._take(".."):
                steps.append(Descend())
                if not self._ahead("["):
                    steps.append(self._member())
            elif self._take("."):
                if self._ahead("["):
                    continue
                if function := self._function():
                    return _in_their_places(steps), function
                steps.append(self._member())
            else:
                break
        return _in_their_places(steps), None

    def _member(self) -> Step:
        if self._take("*"):
            return Wildcard()
        found = self._name.match(self.text, self.position)
        if found is None:
            raise self._expected("a name")
        self.position = found.end()
        return Names((_ESCAPED.sub(r"\1", found.group()),))

    def _function(self) -> str | None:
        found = _CALL.match(self.text, self.position)
        if found is None:
            return None
        if found.group(1) not in FUNCTIONS:
            raise PathSyntaxError(f"Function with name: {found.group(1)} does not exist")
        self.position = found.end()
        return found.group(1)

    def _bracket(self) -> Step:
        self.position += 1
        self._skip_blanks()
        if self._take("?"):
            return self._filter()
        if self._ahead("'") or self._ahead('"'):
            return self._names()
        close = self.text.find("]", self.position)
        content = self.text[self.position : close].strip() if close >= 0 else ""
        step: Step
        if content == "*":
            step = Wildcard()
        elif _INDEXES.match(content):
            step = Indexes(tuple(int(index) for index in content.split(",")))
        elif found := _FROM_THE_END.match(content):
            step = Indexes((-int(found.group(1)),))
        elif (found := _SLICE.match(content)) and any(found.groups()):
            start, stop = (int(bound) if bound.strip("-") else None for bound in found.groups())
            step = Slice(start, stop)
        else:
            raise self._expected("an index, a slice, a quoted name, '*' or '?', and ']'")
        self.position = close + 1
        return step

    def _names(self) -> Step:
        names: list[str] = []
        while True:
            self._skip_blanks()
            if not (self._ahead("'") or self._ahead('"')):
                raise self._expected("a quoted name")
            name, self.position = quoted(self.text, self.position, self.text[self.position])
            names.append(name)
            self._skip_blanks()
            if self._take("]"):
                return Names(tuple(names))
            if not self._take(","):
                raise self._expected("',' or ']'")

    def _filter(self) -> Step:
        self._skip_blanks()
        if not self._take("("):
            raise self._expected("'('")
        parser = FilterParser(self.text, self.position, self._operand_at)
        predicate = parser.parse()
        self.position = parser.position
        for bracket in (")", "]"):
            self._skip_blanks()
            if not self._take(bracket):
                raise self._expected(f"'{bracket}'")
        return Filter(predicate)

    def _operand_at(self, position: int) -> tuple[Operand, int]:
        of_item = self.text[position] == "@"
        reader = _Reader(self.text, position + 1, in_filter=True)
        steps, function = reader.read()
        path = Path(self.text[position : reader.position], False, steps, function)

        def operand(item: object, root: object) -> object:
            try:
                return path.find(item if of_item else root)
            except NothingThere:
                return MISSING

        return operand, reader.position

    def _expected(self, what: str) -> PathSyntaxError:
        return PathSyntaxError(f"Expected {what} at position {self.position} of {self.text}")

    def _ahead(self, token: str) -> bool:
        return self.text.startswith(token, self.position)

    def _take(self, token: str) -> bool:
        taken = self._ahead(token)
        if taken:
            self.position += len(token)
        return taken

    def _skip_blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

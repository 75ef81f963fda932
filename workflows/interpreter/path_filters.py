"""Filter expressions of JSONPath: the `@.size > 3 && @.name =~ /x.*/` in `$.items[?(…)]`.

The form is that of the Jayway library's dialect (JsonPath README, "Filter Operators"), which Step Functions follows.
Beyond it, text needs no quotes: `[?(@.name == a b/c)]` compares with "a b/c", as definitions of AWS's own samples do
(aws-samples/aws-stepfunctions-examples, "app-dataquality-using-lambda").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from workflows.interpreter.filter_operators import MISSING, NUMBER, OPERATORS

Operand = Callable[[Any, Any], Any]
Predicate = Callable[[Any, Any], bool]


class FilterSyntaxError(ValueError):
    """The text of a filter cannot be understood."""


_OPERATOR = re.compile(
    r"===|!==|==|!=|<=|>=|=~|<|>|(?:in|nin|all|subsetof|anyof|noneof|contains|size|empty)\b", re.IGNORECASE
)
_WORDS = {"true": True, "false": False, "null": None}
_LEFT_ENDS = ")=<>! "
_REGEX = re.compile(r"/((?:\\.|[^/\\])*)/([imsx]*)")
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


class FilterParser:
    """Reads one filter expression from `text`, from `position` on.

    Parameters
    ----------
    text
        The whole path.
    position
        Index of the expression's first character.
    operand_at
        Reads the path that begins at an index ("@…" or "$…"): gives the function that evaluates it on
        (item, root), which returns `MISSING` when there is nothing, and the index after it.
    """

    def __init__(self, text: str, position: int, operand_at: Callable[[int], tuple[Operand, int]]) -> None:
        self.text = text
        self.position = position
        self._operand_at = operand_at

    def parse(self) -> Predicate:
        """Read an expression; `position` is then the index after it. Raises `FilterSyntaxError`."""
        terms = [self._conjunction()]
        while self._take("||"):
            terms.append(self._conjunction())
        if len(terms) == 1:
            return terms[0]
        return lambda item, root: any(term(item, root) for term in terms)

    def _conjunction(self) -> Predicate:
        terms = [self._term()]
        while self._take("&&"):
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        return lambda item, root: all(term(item, root) for term in terms)

    def _term(self) -> Predicate:
        if self._take("!"):
            negated = self._term()
            return lambda item, root: not negated(item, root)
        if self._take("("):
            inner = self.parse()
            if not self._take(")"):
                raise FilterSyntaxError("expected ')'")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        self._skip_blanks()
        head = self.text[self.position : self.position + 1]
        is_path = head in ("@", "$")
        left = self._operand(ends=_LEFT_ENDS)
        self._skip_blanks()
        found = _OPERATOR.match(self.text, self.position)
        if found is None:
            if not is_path:
                raise FilterSyntaxError("a literal is no condition")
            return lambda item, root: left(item, root) is not MISSING
        self.position = found.end()
        operator = found.group().lower()
        holds = OPERATORS[operator]
        right = self._pattern() if operator == "=~" else self._operand()
        return lambda item, root: holds(left(item, root), right(item, root))

    def _operand(self, ends: str = ")") -> Operand:
        self._skip_blanks()
        head = self.text[self.position : self.position + 1]
        if head in ("@", "$"):
            operand, self.position = self._operand_at(self.position)
            return operand
        value = self._literal(ends)
        return lambda _item, _root: value

    def _pattern(self) -> Operand:
        self._skip_blanks()
        found = _REGEX.match(self.text, self.position)
        if found is None:
            raise FilterSyntaxError("expected a regular expression")
        self.position = found.end()
        flags = re.NOFLAG
        for letter in found.group(2):
            flags |= _FLAGS[letter]
        try:
            pattern = re.compile(found.group(1).replace(r"\/", "/"), flags)
        except (re.error, OverflowError, RecursionError) as problem:
            raise FilterSyntaxError(str(problem)) from problem
        return lambda _item, _root: pattern

    def _literal(self, ends: str = ")") -> Any:
        self._skip_blanks()
        head = self.text[self.position : self.position + 1]
        if head in ("'", '"'):
            return self._string(head)
        if head == "[":
            return self._list()
        word = self._bare_word(ends)
        if NUMBER.fullmatch(word):
            return float(word) if set(word) & set(".eE") else int(word)
        if ends == _LEFT_ENDS and word not in _WORDS:
            raise FilterSyntaxError("text without quotes is no condition")
        return _WORDS.get(word, word)

    def _bare_word(self, ends: str) -> str:
        """Read text without quotes: up to the end of the comparison, or to one of the letters in `ends`."""
        begin, depth = self.position, 0
        while self.position < len(self.text):
            letter = self.text[self.position]
            if (not depth and letter in ends) or self.text.startswith(("&&", "||"), self.position):
                break
            depth += (letter == "(") - (letter == ")")
            self.position += 1
        word = self.text[begin : self.position].strip()
        if not word or word[0] in "=<>!~":
            raise FilterSyntaxError("expected a value")
        return word

    def _string(self, quote: str) -> str:
        text, self.position = quoted(self.text, self.position, quote)
        return text

    def _list(self) -> list[Any]:
        self.position += 1
        items: list[Any] = []
        while not self._take("]"):
            items.append(self._literal(ends=",]"))
            if not self._take(",") and self.text[self.position : self.position + 1] != "]":
                raise FilterSyntaxError("expected ',' or ']'")
        return items

    def _take(self, token: str) -> bool:
        self._skip_blanks()
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def _skip_blanks(self) -> None:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1


def quoted(text: str, position: int, quote: str) -> tuple[str, int]:
    """Read the string in `quote`s at `position`: its value and the index after it.

    A backslash escapes the quote and the backslash; before anything else it stands for itself.
    """
    letters: list[str] = []
    position += 1
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and text[position + 1 : position + 2] in (quote, "\\"):
            position += 1
        letters.append(text[position : position + 1])
        position += 1
    if position >= len(text):
        raise FilterSyntaxError("a string does not end")
    return "".join(letters), position + 1

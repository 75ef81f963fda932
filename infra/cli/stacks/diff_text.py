"""Makes the CDK's diff readable where it prints a workflow's whole definition twice."""

import json
import re
from difflib import unified_diff

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BEGINS = re.compile(r"(?P<margin>[^\[]*)\[(?P<sign>[-+])\] \{")
_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
_CONTEXT = 3


class ShortDefinitions:
    """Takes the lines of `cdk diff`, and gives them back with long JSON texts replaced by how they differ.

    The CDK shows the old and the new value of a property, each from its first to its last line. Definitions of
    workflows have hundreds of them.

    Parameters
    ----------
    colour
        Whether the lines that it makes shall have colours.
    """

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._block: list[str] = []
        self._old: list[str] = []

    def take(self, line: str) -> list[str]:
        """Take a line with its end; give the lines that can be printed now."""
        plain = _ANSI.sub("", line).rstrip("\n")
        begins = _BEGINS.fullmatch(plain)
        if begins is not None:
            before = self.rest() if begins["sign"] == "-" else []
            self._block.append(line)
            return before
        if not self._block and self._old and not plain:
            self._old.append(line)
            return []
        if not self._block:
            return [*self.rest(), line]
        self._block.append(line)
        if plain != "}":
            return []
        block, self._block = self._block, []
        if not self._old and _is_old(block):
            self._old = block
            return []
        old, self._old = self._old, []
        return self._compared(old, block) if old else block

    def rest(self) -> list[str]:
        """Give what is held back still; to be called after the last line."""
        held = [*self._old, *self._block]
        self._old, self._block = [], []
        return held

    def _compared(self, old: list[str], new: list[str]) -> list[str]:
        try:
            before, after = (json.dumps(json.loads(_json(block)), indent=2).splitlines() for block in (old, new))
        except ValueError:
            return [*old, *new]
        _, _, *lines = [*unified_diff(before, after, n=_CONTEXT, lineterm="")] or ["", "", "(they mean the same)"]
        return [self._coloured(line) + "\n" for line in lines]

    def _coloured(self, line: str) -> str:
        colour = _COLOURS.get(line[:1]) if self._colour else None
        return f"     {colour}{line}\x1b[0m" if colour else f"     {line}"


def _is_old(block: list[str]) -> bool:
    return "[-] {" in _ANSI.sub("", block[0])


def _json(block: list[str]) -> str:
    return "{\n" + _ANSI.sub("", "".join(block[1:]))

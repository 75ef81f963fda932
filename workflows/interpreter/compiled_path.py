"""A compiled JSONPath, and how it reads a value: its steps one after the other.

What counts as missing, and the words for it, are those of the Jayway library, which Step Functions passes on
("Invalid path '$.a' : No results for path: $['a']").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workflows.interpreter.path_functions import FUNCTIONS, NothingThere
from workflows.interpreter.path_steps import Indexes, Names, Step


@dataclass(frozen=True)
class Path:
    """A compiled path.

    Attributes
    ----------
    text
        As it was written.
    of_context
        Whether it reads the context object ("$$…") instead of the document.
    steps
        What it does, one after the other.
    function
        Name of the function applied to what the steps found (`$.a.length()`), or None.
    """

    text: str
    of_context: bool
    steps: tuple[Step, ...]
    function: str | None
    keys: tuple[str | int, ...] | None = field(init=False)
    definite: bool = field(init=False)
    single: bool = field(init=False)

    def __post_init__(self) -> None:
        keys: list[str | int] = []
        for step in self.steps:
            if isinstance(step, Names) and len(step.names) == 1:
                keys.append(step.names[0])
            elif isinstance(step, Indexes) and len(step.indexes) == 1:
                keys.append(step.indexes[0])
        plain = self.function is None and len(keys) == len(self.steps)
        # `keys`: names and indexes that lead to the one node of a plain path; None for every other path.
        object.__setattr__(self, "keys", tuple(keys) if plain else None)
        # `single`: the steps pick one value, not the list of all that match; `definite`: so does the whole path.
        object.__setattr__(self, "single", all(step.definite for step in self.steps))
        object.__setattr__(self, "definite", self.function is not None or self.single)

    def find(self, root: Any) -> Any:
        """Value in `root`: what the path leads to or, for an indefinite path, the list of all that match.

        An indefinite path below a member that is not there matches nothing, which is no failure (recorded from
        AWS in LocalStack's "test_json_path_array_wildcard_or_slice_with_no_input").

        Raises
        ------
        NothingThere
            If a definite path leads nowhere, or an indefinite one picks by position or filter from a value that is
            there and neither array nor object.
        """
        if self.keys is not None:
            value = root
            for key in self.keys:
                if isinstance(value, dict) if isinstance(key, str) else isinstance(value, list):
                    try:
                        value = value[key]
                        continue
                    except (KeyError, IndexError):
                        pass
                raise NothingThere(self._missing(root))
            return value
        return self._search(root)

    def _search(self, root: Any) -> Any:
        values, definite = [root], True
        for step in self.steps:
            values = [found for value in values for found in step.select(value, root, strict=definite)]
            definite = definite and step.definite
        if self.single and not values:
            raise NothingThere(self._missing(root))
        result = values[0] if self.single else values
        if self.function is None:
            return result
        return FUNCTIONS[self.function](result)

    def _missing(self, root: Any) -> str:
        """Say where a path that leads nowhere stops to exist."""
        values = [root]
        for position, step in enumerate(self.steps):
            values = [found for value in values for found in step.select(value, root, strict=False)]
            if not values and position < len(self.steps) - 1 and isinstance(step, Names):
                return f"Missing property in path {self.canonical(position + 1)}"
            if not values:
                break
        return f"No results for path: {self.canonical(len(self.steps))}"

    def canonical(self, length: int) -> str:
        """Bracket notation of the first `length` steps, e.g. ``$['a'][0]``."""
        return "$" + "".join(map(str, self.steps[:length]))

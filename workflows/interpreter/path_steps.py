"""The steps of a compiled JSONPath, and how each picks from a value.

What counts as missing, and the words for it, are those of the Jayway library, which Step Functions passes on
("Invalid path '$.a' : No results for path: $['a']").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflows.interpreter.path_filters import Predicate
from workflows.interpreter.path_functions import FUNCTIONS, NothingThere


class Step(Protocol):
    """One step of a path."""

    @property
    def definite(self) -> bool:
        """Whether it picks at most one value."""

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:
        """What the step picks from `value`: nothing, one value or many.

        Parameters
        ----------
        strict
            Whether the steps before lead to this one value: it must then be of a kind that the step can pick from.

        Raises
        ------
        NothingThere
            If it is not.
        """


@dataclass(frozen=True)
class Names:
    """`.a`, `['a']` or the union `['a','b']`, which gives one object with these members.

    A union that is not the end of a path leads on from each of its members instead; after `..` it picks from the
    objects that have all of them.
    """

    names: tuple[str, ...]
    each: bool = False
    all_there: bool = False

    @property
    def definite(self) -> bool:
        """Whether it picks one member, or makes one object."""
        return not self.each

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:  # noqa: ARG002
        """Pick the members."""
        if not isinstance(value, dict):
            return []
        if len(self.names) == 1:
            return [value[self.names[0]]] if self.names[0] in value else []
        members = {name: value[name] for name in self.names if name in value}
        if self.all_there and len(members) < len(self.names):
            return []
        return list(members.values()) if self.each else [members]

    def __str__(self) -> str:
        return "[" + ",".join(f"'{name}'" for name in self.names) + "]"


@dataclass(frozen=True)
class Indexes:
    """`[0]`, `[-1]` or the union `[0,2]`."""

    indexes: tuple[int, ...]

    @property
    def definite(self) -> bool:
        """Whether it names one element."""
        return len(self.indexes) == 1

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:  # noqa: ARG002
        """Pick the elements that there are."""
        if not isinstance(value, list):
            return _none_of(self, value, strict=strict)
        return [value[index] for index in self.indexes if -len(value) <= index < len(value)]

    def __str__(self) -> str:
        return "[" + ",".join(map(str, self.indexes)) + "]"


@dataclass(frozen=True)
class Slice:
    """`[1:3]`.

    Only where one of its bounds is left out does a negative one count from the end, as in Jayway's
    `ArraySliceToken`: `[1:-1]` picks nothing.
    """

    start: int | None
    stop: int | None
    definite = False

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:  # noqa: ARG002
        """Pick the elements from `start` to before `stop`."""
        if not isinstance(value, list):
            return _none_of(self, value, strict=strict)
        if self.start is None or self.stop is None:
            return value[self.start : self.stop]
        length = len(value)
        return [value[index] for index in range(max(self.start, -length), min(self.stop, length))]

    def __str__(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


@dataclass(frozen=True)
class Wildcard:
    """`.*` or `[*]`."""

    definite = False

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:  # noqa: ARG002
        """Pick every member or element."""
        if isinstance(value, dict):
            return list(value.values())
        return list(value) if isinstance(value, list) else []

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True)
class Descend:
    """`..`: the value itself and all that is below it; the next step picks from these."""

    definite = False

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:  # noqa: ARG002
        """Pick the value and its descendants, parents first."""
        return list(_descendants(value))

    def __str__(self) -> str:
        return ".."


@dataclass(frozen=True)
class Filter:
    """`[?(@.a > 1)]`: of an array its elements that pass, of an object the object itself.

    After `..`, which leads to every element anyway, it picks objects alone.
    """

    predicate: Predicate = field(compare=False)
    objects_only: bool = False
    definite = False

    def select(self, value: Any, root: Any, *, strict: bool) -> list[Any]:
        """Pick what passes."""
        if isinstance(value, list):
            return [] if self.objects_only else [item for item in value if self.predicate(item, root)]
        if isinstance(value, dict):
            return [value] if self.predicate(value, root) else []
        if strict:
            raise NothingThere(f"Filter: {self} can not be applied to primitives")
        return []

    def __str__(self) -> str:
        return "[?]"


def _none_of(step: Step, value: Any, *, strict: bool) -> list[Any]:
    """Pick nothing by position from what is no array; a null counts as missing."""
    if strict and value is not None:
        raise NothingThere(f"Filter: {step} can only be applied to arrays")
    return []


def _descendants(value: Any) -> Iterator[Any]:
    yield value
    children: Sequence[Any] = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for child in children:
            yield from _descendants(child)


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

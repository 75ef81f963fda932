"""The steps of a compiled JSONPath, and how each picks from a value, as the Jayway library's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflows.interpreter.path_filters import Predicate
from workflows.interpreter.path_functions import NothingThere


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

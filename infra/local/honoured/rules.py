"""What a row of the table says, and how a resource is held against it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

ADDED_BY_CLOUDFORMATION = "Tags"
"""CloudFormation adds the stack's tags to every resource that can carry tags."""


@dataclass(frozen=True)
class Honoured:
    """How the embedded AWS treats a resource type, property by property.

    A property is a path (``Target.RoleArn``; lists are not counted in it) and stands for everything below it, unless
    properties below it are listed too: then each of them has to be.

    Attributes
    ----------
    works
        Properties that have here the effect that they have on AWS, as far as a caller can see.
    recorded
        What is missing -> properties that ``Describe`` shows, without that effect.
    handed_on
        Whether every property goes to a function that makes of them what it makes on AWS: a custom resource.
    """

    works: tuple[str, ...] = ()
    recorded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    handed_on: bool = False

    @cached_property
    def listed(self) -> frozenset[str]:
        """Every property of the row."""
        return frozenset(self.works).union(*self.recorded.values())

    @cached_property
    def inner(self) -> frozenset[str]:
        """Every property below which others are listed."""
        return frozenset(parent for path in self.listed for parent in _parents(path))

    def paths(self, properties: Mapping[str, Any]) -> Iterator[str]:
        """Yield the paths that a template's properties set, as deep as the row goes into them."""
        if self.handed_on:
            return
        for name, value in properties.items():
            yield from self._paths(name, value)

    def _paths(self, path: str, value: Any) -> Iterator[str]:
        if path in self.inner and isinstance(value, list):
            for item in value:
                yield from self._paths(path, item)
        elif path in self.inner and isinstance(value, Mapping) and not _is_intrinsic(value):
            for name, member in value.items():
                yield from self._paths(f"{path}.{name}", member)
        else:
            yield path

    def unlisted(self, properties: Mapping[str, Any]) -> list[str]:
        """Return the paths that the row does not name."""
        known = self.listed | self.inner | {ADDED_BY_CLOUDFORMATION}
        return sorted(set(self.paths(properties)) - known)


def merged(tables: Iterable[Mapping[str, Honoured]]) -> dict[str, Honoured]:
    """Return one table of several, in the order of the types' names.

    Raises
    ------
    ValueError
        If a type is in two of them.
    """
    rows = [row for table in tables for row in table.items()]
    if len({name for name, _ in rows}) < len(rows):
        raise ValueError("a resource type is in two tables")
    return dict(sorted(rows))


def _parents(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _is_intrinsic(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))

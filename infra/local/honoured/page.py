"""Writes the table as a page."""

from collections.abc import Mapping
from pathlib import Path

from infra.local.honoured.rules import Honoured

PAGE = Path(__file__).parents[1] / "HONOURED.md"

HEAD = """\
# What the embedded AWS makes of the templates

Written by `python -m infra.local.honoured` from `infra/local/honoured/`; a test fails when it is stale.

- **Works**: the property has the effect that it has on AWS, as far as a caller can see.
- **Recorded**: `Describe` shows it; the effect that is missing is named.
- Every other type is refused, and every other property of a type of the emulator's; types of our own refuse what they
  do not do. The stack fails and names it.

A property stands for everything below it, unless properties below it have entries of their own.

| Resource type | Works | Recorded |
|---|---|---|
"""


def render(table: Mapping[str, Honoured]) -> str:
    """Return the page, in Markdown."""
    return HEAD + "".join(
        f"| {name} | {_works(row)} | {'; '.join(_recorded(row)) or '-'} |\n" for name, row in table.items()
    )


def _works(row: Honoured) -> str:
    return "whatever its function makes of them" if row.handed_on else _names(row.works)


def _recorded(row: Honoured) -> list[str]:
    return [f"{_names(properties)}: {missing}" for missing, properties in row.recorded.items()]


def _names(properties: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in properties) or "-"

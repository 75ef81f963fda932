"""Render the authored workflows into `workflows/asl/`: definition, input schema, and a page with its picture.

Run `python -m workflows.render` after a change, and commit what it writes; `--check` writes nothing and fails where a
committed file is stale. Rendering needs no AWS access.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from workflows.catalog import WORKFLOWS
from workflows.drawing import mermaid
from workflows.errors import StaleRendering
from workflows.workflow import Workflow

ASL_DIRECTORY = Path(__file__).parent / "asl"


def renderings(workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Render one workflow.

    Parameters
    ----------
    workflow
        What to render.

    Yields
    ------
    Pairs of a file name below `workflows/asl/` and its text.
    """
    stem = workflow.name.replace("-", "_")
    definition = workflow.definition()
    yield f"{stem}.asl.json", _json(definition)
    yield f"{stem}.input.schema.json", _json(workflow.input_schema)
    yield f"{stem}.md", _page(workflow, mermaid(definition))


def write(directory: Path = ASL_DIRECTORY) -> list[Path]:
    """Render every workflow into a directory; returns the files that changed."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in _all_renderings():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return changed


def check(directory: Path = ASL_DIRECTORY) -> None:
    """Compare the committed renderings with the modules.

    Raises
    ------
    StaleRendering
        When a file is missing or differs; the message names it and the command that mends it.
    """
    for name, text in _all_renderings():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            raise StaleRendering(f"{path} is stale; run `python -m workflows.render` and commit the change")


def _all_renderings() -> Iterator[tuple[str, str]]:
    for build in WORKFLOWS.values():
        yield from renderings(build())


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _page(workflow: Workflow, picture: str) -> str:
    return (
        f"# {workflow.name}\n\n"
        f"Rendered from `workflows/{workflow.name.replace('-', '_')}.py`; do not edit.\n\n"
        f"{workflow.documentation.strip()}\n\n"
        f"## Picture\n\n```mermaid\n{picture}```\n"
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line of this module; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workflows.render", description="Render the workflows to ASL.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a committed file is stale")
    options = parser.parse_args(arguments)
    if options.check:
        try:
            check()
        except StaleRendering as stale:
            print(stale, file=sys.stderr)
            return 1
        return 0
    for path in write():
        print(f"rendered {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

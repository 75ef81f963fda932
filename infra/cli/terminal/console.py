"""What commands print: text for people on one console, JSON for scripts alone on standard output."""

import json
import os
import sys
from typing import Any

from rich.console import Console

from infra.cli.terminal.errors import CommandError

_WIDTH_OF_FILES = 200


def human_console(*, as_json: bool = False) -> Console:
    """Make the console for people; with `--json` it is standard error, so that scripts read only JSON."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_FILES  # a file has no edge, but tables would be folded at 80
    return console


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_error(error: CommandError) -> None:
    """Print what went wrong and what to do, on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]error:[/]", end=" ")
    console.print(error.problem, markup=False)
    if error.remedy:
        console.print(error.remedy, markup=False)

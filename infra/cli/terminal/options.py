"""Options that several commands share, so that they mean and read the same everywhere."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from infra.cli.terminal import target
from infra.cli.terminal.units import parse_duration
from infra.naming import SECTIONS


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Where = Annotated[
    target.Where,
    typer.Option("--target", envvar="ML_PIPELINE_TARGET", help="The embedded AWS of this folder, or your AWS account."),
]
Environment = Annotated[
    str,
    typer.Option("--environment", envvar="ML_PIPELINE_ENVIRONMENT", help="Which deployment: dev, staging or prod."),
]
Sections = Annotated[
    list[str] | None, typer.Argument(help=f"Which stacks: {', '.join(SECTIONS)}. All, if none is named.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, for scripts.")]


def since_option(help_text: str) -> Any:
    """Make an option that takes a duration such as 24h."""
    return typer.Option(parser=_duration, metavar="DURATION", help=help_text)

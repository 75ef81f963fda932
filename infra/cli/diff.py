"""`ml-pipeline diff`: what a deployment would change."""

import sys
from typing import Annotated

import typer

from infra.cli.deploy import check_sections
from infra.cli.stacks.cdk import Cdk
from infra.cli.stacks.diff_text import ShortDefinitions
from infra.cli.stacks.readiness import read_settings
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console
from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import Where, find_target


def diff(
    sections: options.Sections = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 1 if there is a difference, for scripts.")] = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Show what a deployment would change, and change nothing.

    Compares the templates that are deployed with those of this source tree. Exits with 0 whether there are differences
    or not, unless --fail is given.

    [bold]Examples[/]

      ml-pipeline diff
      ml-pipeline diff workflows --fail
      AWS_REGION=us-east-1 ml-pipeline diff --target aws --environment prod
    """
    check_sections(sections or ())
    target = find_target(where, environment)
    read_settings(target)
    with Children() as children:
        cdk = Cdk(target, children)
        human_console(as_json=True).print("Building the templates…")
        cdk.synthesize()
        stacks = [target.names.stack(section) for section in sections or ()]
        colour = sys.stdout.isatty()
        definitions = ShortDefinitions(colour=colour)
        different = cdk.diff(stacks, lambda line: _print(definitions.take(line)), colour=colour)
        _print(definitions.rest())
    if fail and different:
        raise CommandError(f"{different} of the stacks would change.")


def _print(lines: list[str]) -> None:
    sys.stdout.writelines(lines)
    sys.stdout.flush()

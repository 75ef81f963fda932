"""`ml-pipeline example`: the whole pipeline on a month of real flights, from nothing to the report."""

from infra.cli.errors import CommandError


def example() -> None:
    """Score a month of real flights with the real workflow, on an embedded AWS that starts empty."""
    raise CommandError("not yet")

"""`ml-pipeline experiment status`: both variants side by side, and whether one is better."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.registry.serving import look, registry_of
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import CommandError, RefusedError
from infra.cli.terminal.target import Where, find_target
from tasks.errors import InvalidOutcomes

experiment = typer.Typer(
    help="Compare the two variants on live traffic.", no_args_is_help=True, rich_markup_mode="rich"
)


@experiment.callback()
def _about() -> None:
    """Compare the two variants on live traffic."""


@experiment.command()
def status(
    since: Annotated[
        timedelta, options.since_option("How far to look back, at most to when the variants were deployed.")
    ] = "24h",  # type: ignore[assignment]
    alpha: Annotated[
        float, typer.Option(help="Chance, over all looks and both tests, to see a difference where there is none.")
    ] = 0.05,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw a picture of it, too.")] = None,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Show both variants side by side, and what an always-valid test says about them.

    Look as often as you like and stop when you like: the chance to be misled by either of the two tests, of errors and
    of the Brier score, stays below alpha. Quality is known of predictions whose outcomes lie below outcomes/online/ in
    the data bucket: JSON Lines or Parquet with prediction_id and label (1 or 0).

    [bold]Examples[/]

      ml-pipeline experiment status
      ml-pipeline experiment status --since 7d --plot experiment.png
      ml-pipeline experiment status --json | jq .tests
    """
    if not 0 < alpha < 1:
        raise RefusedError(f"--alpha is {alpha:g}; it must be above 0 and below 1.", "Usual is 0.05.")
    # Here, because arrays and Parquet cost imports.
    from infra.cli.registry.experiment_data import gather_experiment
    from infra.cli.registry.experiment_text import experiment_json, print_experiment

    target = find_target(where, environment)
    console = human_console(as_json=as_json)
    serving = look(target, registry_of(target))
    with console.status("Reading metrics, predictions and outcomes…"):
        try:
            found = gather_experiment(target, serving, datetime.now(UTC) - since, alpha)
        except InvalidOutcomes as error:
            raise CommandError(f"{error}.") from error
    if plot is not None:
        from infra.cli.registry.experiment_chart import experiment_picture

        plot.write_bytes(experiment_picture(found))
    if as_json:
        print_json(experiment_json(found))
        return
    print_experiment(found, console)
    if plot is not None:
        console.print(f"picture  {plot}", markup=False)

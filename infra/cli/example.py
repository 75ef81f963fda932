"""`ml-pipeline example`: the whole pipeline on a month of real flights, from nothing to the report."""

import time

from rich.console import Console

from infra.cli.pipeline import Pipeline
from infra.cli.runs.outcome import print_summary, raise_if_failed
from infra.cli.terminal.console import human_console
from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.steps import Board, run_steps
from infra.cli.terminal.target import local_endpoint
from infra.cli.terminal.units import seconds_text


def example() -> None:
    """Score a month of real flights with the real workflow, on an embedded AWS that starts empty.

    Starts the embedded AWS, deploys the stacks with the CDK, and with them a model that learned from January to June
    2013, and scores July.
    Summary, report, pictures and predictions are then in .ml-pipeline/runs/. What the embedded AWS held before is
    gone; what it holds now is kept, for `ml-pipeline local`.

    [bold]Examples[/]

      ml-pipeline example
    """
    running = local_endpoint()
    if running:
        raise UnavailableError(
            f"An embedded AWS runs for this folder, at {running}; the example starts with an empty one.",
            "Stop that one first.",
        )
    began = time.monotonic()
    console = human_console()
    with Children() as children:
        _run(Pipeline(children), console)
    console.print(f"All in {seconds_text(time.monotonic() - began)}.")
    console.print("Look around: `make local`, and in another terminal `.venv/bin/ml-pipeline executions`.")


def _run(pipeline: Pipeline, console: Console) -> None:
    try:
        with Board(console) as board:
            run_steps(pipeline.steps(), board, pipeline.check_alive)
        outcome = pipeline.score(console)
        board.tell("Score July in two lanes", outcome.seconds, well=outcome.succeeded)
        with board:
            run_steps(pipeline.last_steps(outcome), board, pipeline.check_alive)
    except Exception:
        pipeline.check_alive()  # where the embedded AWS is gone, that is what to tell
        raise
    print_summary(outcome, console)
    console.print(f"report      {pipeline.folder / 'report.html'}", markup=False)
    console.print(f"all files   {pipeline.folder}", markup=False)
    console.print()
    raise_if_failed(outcome)

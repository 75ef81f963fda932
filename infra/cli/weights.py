"""`ml-pipeline weights`: how much of the traffic each variant gets, and how to change that."""

from typing import Annotated

import typer

from infra.cli.registry.serving import Serving, look, registry_of, table_of
from infra.cli.run import follow_to_end, start
from infra.cli.runs.outcome import raise_if_failed
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.target import Where, find_target

_MOST = 1_000_000


def weights(
    model_a: Annotated[float | None, typer.Option(min=0, max=_MOST, help="Weight of ModelA.")] = None,
    model_b: Annotated[float | None, typer.Option(min=0, max=_MOST, help="Weight of ModelB.")] = None,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Show the weights of the two variants, or set them by the workflow traffic-shift.

    A variant gets its weight's share of the sum of both. The active version stays what it is.

    [bold]Examples[/]

      ml-pipeline weights
      ml-pipeline weights --model-a 50 --model-b 50
      ml-pipeline weights --model-a 100 --model-b 0 --json
    """
    if (model_a is None) != (model_b is None):
        raise RefusedError("Give the weights of both variants.", "For instance --model-a 50 --model-b 50.")
    if model_a == model_b == 0:
        raise RefusedError("At least one variant needs traffic: both weights are 0.")
    target = find_target(where, environment)
    console = human_console(as_json=as_json)
    registry = registry_of(target)
    before = look(target, registry)
    if model_a is None:
        if as_json:
            print_json(before.as_json())
        else:
            console.print(f"{before.served.endpoint}  {before.status}", markup=False)
            console.print(table_of(before))
        return
    console.print(f"before  {_line(before)}", markup=False)
    arn = start(target, "traffic-shift", {"weights": {"ModelA": model_a, "ModelB": model_b}})
    ended = follow_to_end(target, "traffic-shift", arn, console)
    after = look(target, registry)
    console.print(f"after   {_line(after)}", markup=False)
    if as_json:
        print_json({**ended.as_json(), "before": before.as_json(), "after": after.as_json()})
    raise_if_failed(ended)


def _line(serving: Serving) -> str:
    return "  ".join(f"{each.name} {each.weight:g} ({each.version})" for each in serving.served.variants)

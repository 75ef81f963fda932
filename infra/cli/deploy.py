"""`ml-pipeline deploy`: the stacks, with the real CDK command line."""

import time
from typing import Annotated

import typer

from infra.cli import options
from infra.cli.cdk import Cdk, StackEvent
from infra.cli.console import human_console, print_json
from infra.cli.errors import RefusedError
from infra.cli.processes import Children
from infra.cli.target import Where, find_target
from infra.cli.units import seconds_text
from infra.naming import SECTIONS


def deploy(
    stacks: Annotated[list[str] | None, typer.Argument(help=f"Sections to deploy: {', '.join(SECTIONS)}.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Deploy all of them; the same as naming none.")] = False,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Deploy the stacks with the CDK; what they depend on is deployed too.

    The templates are the same for the embedded AWS and for an account. The CDK's full output is kept in
    .ml-pipeline/logs/.

    [bold]Examples[/]

      ml-pipeline deploy
      ml-pipeline deploy workflows
      AWS_REGION=us-east-1 ml-pipeline deploy --target aws --environment prod
    """
    if stacks and everything:
        raise RefusedError("--all deploys everything; name no stacks beside it.")
    for stack in stacks or ():
        if stack not in SECTIONS:
            raise RefusedError(f"There is no stack named {stack!r}.", f"The stacks are: {', '.join(SECTIONS)}.")
    target = find_target(where, environment)
    console = human_console(as_json=as_json)
    seconds: dict[str, float] = {}
    began: dict[str, float] = {}

    def show(event: StackEvent) -> None:
        if event.what == "deploying":
            began[event.stack] = time.monotonic()
            return
        seconds[event.stack] = round(time.monotonic() - began.get(event.stack, time.monotonic()), 3)
        console.print(f"{event.what:<10} {event.stack}  {seconds_text(seconds[event.stack])}", markup=False)

    with Children() as children:
        cdk = Cdk(target, children)
        console.print("Building the templates…")
        cdk.synthesize()
        if not cdk.is_bootstrapped():
            console.print("Bootstrapping the CDK…")
            cdk.bootstrap()
        console.print("Deploying…")
        cdk.deploy([target.names.stack(stack) for stack in stacks or ()], show)
    if as_json:
        print_json({"environment": target.environment, "stacks": seconds})

"""`ml-pipeline deploy`: the stacks, with the real CDK command line."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.stacks.cdk import Cdk
from infra.cli.stacks.readiness import prepare, read_settings
from infra.cli.stacks.stack_times import StackTimes
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import Where, find_target
from infra.cli.terminal.units import seconds_text
from infra.naming import SECTIONS


def deploy(
    sections: options.Sections = None,
    everything: Annotated[bool, typer.Option("--all", help="Deploy all of them; the same as naming none.")] = False,
    bootstrap: Annotated[
        bool, typer.Option("--bootstrap", help="Bootstrap the CDK in the account, where that is missing or too old.")
    ] = False,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Deploy the stacks with the CDK; what they depend on is deployed too.

    The templates are the same for the embedded AWS and for an account. There, credentials, settings, the CDK's
    bootstrap and Docker are checked, and the images are built, pushed and looked at, before any stack is touched. The
    embedded AWS needs none of them.
    The CDK's full output is kept in .ml-pipeline/logs/.

    [bold]Examples[/]

      ml-pipeline deploy
      ml-pipeline deploy workflows monitoring
      AWS_REGION=us-east-1 ml-pipeline deploy --target aws --environment prod --bootstrap
    """
    if sections and everything:
        raise RefusedError("--all deploys everything; name no stacks beside it.")
    check_sections(sections or ())
    target = find_target(where, environment)
    read_settings(target)
    console = human_console(as_json=as_json)
    began = time.monotonic()
    times = StackTimes(console)
    with Children() as children:
        cdk = Cdk(target, children)
        stacks = [target.names.stack(section) for section in sections or ()]
        synthesis = prepare(cdk, target, stacks, console, bootstrap=bootstrap)
        console.print("Deploying…")
        cdk.deploy(stacks, times.show)
    total = time.monotonic() - began
    console.print(f"All in {seconds_text(total)}, {seconds_text(synthesis)} of it to build the templates.")
    if as_json:
        print_json(
            {
                "environment": target.environment,
                "stacks": times.stacks,
                "synthesisSeconds": round(synthesis, 3),
                "seconds": round(total, 3),
            }
        )


def check_sections(sections: Sequence[str]) -> None:
    """Refuse sections that there are not.

    Raises
    ------
    RefusedError
        Names the first one, and those that there are.
    """
    for section in sections:
        if section not in SECTIONS:
            raise RefusedError(f"There is no stack named {section!r}.", f"The stacks are: {', '.join(SECTIONS)}.")

"""`ml-pipeline destroy`: the stacks without the data, or with it."""

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.stacks.cdk import Cdk
from infra.cli.stacks.planned import stack_resources
from infra.cli.stacks.readiness import describe_stack, read_settings
from infra.cli.stacks.removal import Removal
from infra.cli.stacks.stack_times import StackTimes
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import Target, Where, find_target
from infra.cli.terminal.units import seconds_text
from infra.naming import SECTIONS

DATA_SECTION = "storage"
"""The stack that holds what is not to be lost; everything else can be deployed again."""

_RETAINED = frozenset({"Retain", "RetainExceptOnCreate"})


def destroy(
    delete_data: Annotated[
        bool,
        typer.Option(
            "--delete-data", help="Delete buckets, table, keys and registered models too. There is no way back."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal to ask on.")
    ] = False,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Delete the stacks of an environment, but keep its data.

    The stack "storage" stays, with buckets, table, keys and what is in them, and so does the registry of models: the
    next deployment finds everything again. With --delete-data they go too: buckets are emptied with all versions, keys
    are scheduled for deletion. Can be called again after it was interrupted.

    [bold]Examples[/]

      ml-pipeline destroy
      ml-pipeline destroy --yes --json
      AWS_REGION=us-east-1 ml-pipeline destroy --target aws --environment staging --delete-data
    """
    target = find_target(where, environment)
    settings = read_settings(target)
    console = human_console(as_json=as_json)
    began = time.monotonic()
    deleted: list[dict[str, str]] = []

    def tell(what: str, name: str) -> None:
        deleted.append({"what": what, "name": name})
        console.print(f"deleted    {what}  {name}", markup=False)

    removal = Removal(target, settings.models_root, tell)
    stacks = [
        stack
        for section in reversed(SECTIONS)
        if (delete_data or section != DATA_SECTION) and describe_stack(target, stack := target.names.stack(section))
    ]
    data = removal.what_is_there()
    if stacks or (delete_data and data):
        _confirm(target, stacks, data if delete_data else [], console, yes=yes)
    times = StackTimes(console)
    storage = target.names.stack(DATA_SECTION)
    left = [each for stack in stacks if stack != storage for each in _retained(target, stack)]
    with Children() as children:
        if stacks:
            cdk = Cdk(target, children)
            console.print("Building the templates…")
            cdk.synthesize()
            _destroy(cdk, [stack for stack in stacks if stack != storage], times)
            if delete_data:
                removal.before_the_stack()
                _destroy(cdk, [stack for stack in stacks if stack == storage], times)
        elif delete_data:
            removal.before_the_stack()
    if delete_data:
        removal.after_the_stack()
    kept = [*([("stack", storage)] if describe_stack(target, storage) else []), *removal.what_is_there(), *left]
    _finish(kept, times, deleted, console, time.monotonic() - began, as_json=as_json)


def _retained(target: Target, stack: str) -> list[tuple[str, str]]:
    """Type and id of what a stack leaves behind when it is deleted."""
    template = target.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    kept = {name for name, resource in template["Resources"].items() if resource.get("DeletionPolicy") in _RETAINED}
    return [
        (resource["ResourceType"], resource["PhysicalResourceId"])
        for resource in stack_resources(target, stack)
        if resource["LogicalResourceId"] in kept and resource.get("PhysicalResourceId")
    ]


def _destroy(cdk: Cdk, stacks: list[str], times: StackTimes) -> None:
    if stacks:
        cdk.destroy(stacks, times.show)


def _confirm(target: Target, stacks: list[str], data: list[tuple[str, str]], console: Console, *, yes: bool) -> None:
    """Let the user type the environment's name.

    Raises
    ------
    RefusedError
        If something else was typed, or there is no one to ask.
    """
    place = "the embedded AWS" if target.is_local else f"account {target.account}, {target.region}"
    console.print(f"To be deleted in {place}:", markup=False)
    for what, name in [*(("stack", stack) for stack in stacks), *data]:
        console.print(f"  {what}  {name}", markup=False)
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("There is no terminal to ask on.", "Nothing was deleted. Say --yes if you mean it.")
    typed = typer.prompt(f"Type {target.environment!r} to delete this", default="", show_default=False, err=True)
    if typed.strip() != target.environment:
        raise RefusedError(f"That is not {target.environment!r}.", "Nothing was deleted.")


def _finish(
    kept: list[tuple[str, str]],
    times: StackTimes,
    deleted: list[dict[str, str]],
    console: Console,
    seconds: float,
    *,
    as_json: bool,
) -> None:
    for what, name in kept:
        console.print(f"kept       {what}  {name}", markup=False)
    if not times.stacks and not deleted:
        console.print("There was nothing to delete.")
    console.print(f"All in {seconds_text(seconds)}.")
    if as_json:
        result: dict[str, Any] = {
            "stacks": times.stacks,
            "deleted": deleted,
            "kept": [{"what": what, "name": name} for what, name in kept],
            "seconds": round(seconds, 3),
        }
        print_json(result)

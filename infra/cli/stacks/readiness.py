"""What must be there before a stack is touched: settings, credentials, the CDK's bootstrap, the images."""

import os
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from infra import settings
from infra.cli.stacks.cdk import Cdk
from infra.cli.stacks.images import publish_images
from infra.cli.terminal.errors import RefusedError, UnavailableError
from infra.cli.terminal.target import SOURCE_ROOT, Target
from infra.errors import SettingsError
from infra.settings.cdk_json import read_cdk_json

_USABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})


def read_settings(target: Target) -> settings.Settings:
    """Check credentials and settings, which takes no time, before the templates are built, which does.

    Raises
    ------
    RefusedError
        If a setting is wrong, or is there twice.
    UnavailableError
        If AWS does not take the credentials.
    """
    file = SOURCE_ROOT / "infra" / "cdk.json"
    asked = {
        **os.environ,
        "ML_PIPELINE_ENVIRONMENT": target.environment,
        "ML_PIPELINE_REGION": target.region,
        "CDK_DEFAULT_ACCOUNT": target.account,
    }
    try:
        return settings.load(read_cdk_json(file).get("context", {}), asked)
    except SettingsError as error:
        raise RefusedError(str(error), f"Settings are in {file}; nothing was done.") from error


def prepare(cdk: Cdk, target: Target, stacks: Sequence[str], console: Console, *, bootstrap: bool) -> float:
    """Build the templates, and make sure that stacks can be deployed from them.

    Parameters
    ----------
    stacks
        Names of the stacks that will be deployed with what they depend on; all, if there are none.
    bootstrap
        Whether to bootstrap the CDK in an account where that is missing or too old; the embedded AWS always is.

    Returns
    -------
    Seconds that building the templates took.

    Raises
    ------
    UnavailableError
        If the bootstrap is missing and was not asked for, or images must be built and there is no Docker.
    RefusedError
        If an image has a form that SageMaker does not run.
    """
    may_bootstrap = bootstrap or target.is_local
    if not may_bootstrap:
        _check_bootstrap(target, 0)  # now, because building the templates takes a while
    console.print("Building the templates…")
    began = time.monotonic()
    cdk.synthesize()
    seconds = time.monotonic() - began
    if not may_bootstrap:
        _check_bootstrap(target, cdk.assembly.bootstrap_version)
    elif (bootstrap_version(target) or 0) < max(cdk.assembly.bootstrap_version, 1):
        console.print("Bootstrapping the CDK…")
        cdk.bootstrap()
    if not target.is_local:
        publish_images(cdk, target, stacks, console)
    return seconds


def bootstrap_version(target: Target) -> int | None:
    """Version of the CDK's own stack, CDKToolkit; None if it is not there, or not to be used as it is."""
    stack = describe_stack(target, "CDKToolkit")
    if stack is None or stack["StackStatus"] not in _USABLE:
        return None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
    return int(outputs.get("BootstrapVersion", 0))


def describe_stack(target: Target, name: str) -> dict[str, Any] | None:
    """Describe a stack of CloudFormation; None if it is not there."""
    cloudformation = target.client("cloudformation")
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return stack


def is_deployed(target: Target, stack: str) -> bool:
    """Whether a stack is there and whole."""
    described = describe_stack(target, stack)
    return described is not None and described["StackStatus"] in _USABLE


def _check_bootstrap(target: Target, needed: int) -> None:
    found = bootstrap_version(target)
    if found is not None and found >= needed:
        return
    place = f"aws://{target.account}/{target.region}"
    if found is None:
        problem = f"{place} is not bootstrapped for the CDK: it has no whole stack CDKToolkit."
    else:
        problem = f"{place} has version {found} of the CDK's bootstrap, and {needed} is needed."
    raise UnavailableError(
        problem, f"Call this command with --bootstrap, or run `infra/node_modules/.bin/cdk bootstrap {place}`."
    )

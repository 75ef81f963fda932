"""`ml-pipeline api`: where the API is, its key, and calls to paste."""

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from rich.console import Console

from infra.cli.stacks.readiness import read_settings
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.target import Target, Where, find_target
from tasks.aws_limits import API_HEADERS, utf8_bytes

STAGE = "v1"
_NOT_DEPLOYED = "Deploy it with `ml-pipeline deploy api`."


def api(
    as_json: options.AsJson = False, environment: options.Environment = "dev", where: options.Where = Where.LOCAL
) -> None:
    """Show the URL of the API, its key, and calls to paste into a shell.

    The record in the calls is one that the active model was checked with when it was trained.

    [bold]Examples[/]

      ml-pipeline api
      ml-pipeline api --json | jq -r .url
      AWS_REGION=us-east-1 ml-pipeline api --target aws --environment prod
    """
    target = find_target(where, environment)
    root = read_settings(target).models_root
    api_id = find_api(target)
    url = predict_url(target, api_id)
    key = find_key(target, api_id)
    record = golden_record(target, root)
    if as_json:
        print_json({"url": url, "key": key, "example": record})
        return
    console = human_console()
    console.print(f"url  {url}", markup=False)
    console.print(f"key  {key}", markup=False)
    single = get_command(url, key, record)
    # The command holds the request line and the key, and so is about as long as what counts.
    if utf8_bytes(single) > API_HEADERS.value:
        console.print()
        console.print(
            f"A record of this model does not fit into a URL (API Gateway takes {API_HEADERS}): send it by POST."
        )
    else:
        _print_call(console, "One record, cached:", single)
    _print_call(console, "Many:", post_command(url, key, record))


def _print_call(console: Console, title: str, command: str) -> None:
    console.print()
    console.print(title)
    console.print(command, markup=False)


def find_api(target: Target) -> str:
    """Look up the id of the API.

    Raises
    ------
    CommandError
        If it is not deployed.
    """
    pages = target.client("apigateway").get_paginator("get_rest_apis").paginate()
    for each in (each for page in pages for each in page["items"]):
        if each["name"] == target.names.api:
            return str(each["id"])
    raise CommandError(f"The API is not deployed in {target.environment!r}.", _NOT_DEPLOYED)


def predict_url(target: Target, api_id: str) -> str:
    """Address the resource `/predict` of the API."""
    if target.endpoint_url is not None:
        return f"{target.endpoint_url}/restapis/{api_id}/{STAGE}/_user_request_/predict"
    return f"https://{api_id}.execute-api.{target.region}.amazonaws.com/{STAGE}/predict"


def find_key(target: Target, api_id: str) -> str:
    """Read the API key of the usage plan that the API is in.

    Raises
    ------
    CommandError
        If there is none.
    """
    gateway = target.client("apigateway")
    for page in gateway.get_paginator("get_usage_plans").paginate():
        for plan in page["items"]:
            if any(stage.get("apiId") == api_id for stage in plan.get("apiStages", ())):
                for key in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]:
                    return str(gateway.get_api_key(apiKey=key["id"], includeValue=True)["value"])
    raise CommandError(f"No API key belongs to the API in {target.environment!r}.", _NOT_DEPLOYED)


def golden_record(target: Target, models_root: str) -> dict[str, Any]:
    """Read a record with which the active model was checked: the first without a missing value, if there is one.

    Raises
    ------
    CommandError
        If there is no active version.
    ArtifactMissing, ArtifactTampered
        If its artifact is not what was registered.
    """
    from tasks.errors import NoSuchVersion
    from tasks.models.registry import Registry, fetch_artifact  # here, because arrays cost imports
    from tasks.storage import Storage

    registry = Registry(models_root, target.client("ssm"))
    try:
        version = registry.active_version()
    except NoSuchVersion as error:
        raise CommandError(
            f"There is nothing to predict with: {error}.",
            "`ml-pipeline models rollback` sets the active version right, `ml-pipeline deploy models` ships the first.",
        ) from error
    artifact = fetch_artifact(version, Storage(target.client("s3")))
    records = [dict(golden["record"]) for golden in artifact.golden]
    return next((record for record in records if None not in record.values()), records[0])


def get_command(url: str, key: str, record: Mapping[str, Any]) -> str:
    """Write the call of curl that asks for one prediction; features that are missing are left out."""
    query = urlencode({name: value for name, value in record.items() if value is not None})
    return f"curl -sS -H {shlex.quote(f'x-api-key: {key}')} {shlex.quote(f'{url}?{query}')}"


def post_command(url: str, key: str, record: Mapping[str, Any]) -> str:
    """Write the call of curl that asks for many predictions, here for that of one record."""
    body = json.dumps({"records": [record]})
    return (
        f"curl -sS -H {shlex.quote(f'x-api-key: {key}')} -H 'content-type: application/json' "
        f"-d {shlex.quote(body)} {shlex.quote(url)}"
    )

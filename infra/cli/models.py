"""`ml-pipeline models`: the versions that are registered, what serves them, and what brings them there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.cli.registry.register import Candidate, read_candidate, upload_and_register
from infra.cli.registry.serving import Serving, active_version, look, look_if_there, misnamed, registry_of, table_of
from infra.cli.run import follow_to_end, start
from infra.cli.runs.outcome import raise_if_failed
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.target import Target, Where, find_target
from tasks.errors import NoSuchVersion
from tasks.models.version import ModelVersion, RegisteredVersion

models = typer.Typer(
    help="Register versions of the model, compare them, deploy one, and roll back.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="Id of a registered version.")]


@models.command(name="list")
def list_models(
    as_json: options.AsJson = False, environment: options.Environment = "dev", where: options.Where = Where.LOCAL
) -> None:
    """List the registered versions, the newest first: quality at training, and which variant serves which.

    [bold]Examples[/]

      ml-pipeline models list
      ml-pipeline models list --json | jq -r '.[].version'
    """
    target = find_target(where, environment)
    registry = registry_of(target)
    serving, active = look_if_there(target, registry), active_version(registry)
    versions = sorted(map(registry.get, registry.versions()), key=lambda each: each.created_at, reverse=True)
    console = human_console(as_json=as_json)
    mistake = misnamed(registry, [each.version_id for each in versions])
    if mistake:
        console.print(mistake, markup=False, style="yellow")
    if as_json:
        print_json([_brief(each, serving, active) for each in versions])
        return
    if not versions:
        console.print("No version is registered. `ml-pipeline models register` registers one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("version", "", "served by", "framework", "created (UTC)", "AUC", "log loss"):
        numbers = heading in ("AUC", "log loss")
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=heading == "version")
    for each in versions:
        table.add_row(
            each.version_id,
            "[green]active[/]" if each.version_id == active else "",
            serving.served_by(each.version_id) if serving else "",
            each.framework,
            each.created_at.replace("T", " ")[:16],
            *(f"{each.baseline[name]:.4f}" if name in each.baseline else "" for name in ("auc", "logloss")),
        )
    console.print(table)


@models.command(name="show")
def show_model(
    version: _VersionArgument,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Show all that is known of a version: artifact, quality at training, features, and which variant serves it.

    [bold]Examples[/]

      ml-pipeline models show v1
      ml-pipeline models show v1 --json | jq .baseline
    """
    target = find_target(where, environment)
    registry = registry_of(target)
    with _registered():
        known = registry.whole(version)
    serving, active = look_if_there(target, registry), active_version(registry)
    if as_json:
        document = {**_brief(known, serving, active), "image": known.image, "statistics": known.statistics}
        print_json({**document, "signature": known.signature.to_json()})
        return
    console = human_console()
    for name, value in (
        ("version", known.version_id + (" (active)" if known.version_id == active else "")),
        ("served by", (serving.served_by(known.version_id) if serving else "") or "no variant"),
        ("artifact", known.artifact),
        ("SHA-256", known.sha256),
        ("created", known.created_at),
        ("framework", known.framework),
        ("threshold", f"{known.threshold:g}"),
        ("image", known.image or "that of what is served when it is deployed"),
        ("baseline", "  ".join(f"{key} {number:g}" for key, number in known.baseline.items()) or "not measured"),
    ):
        console.print(f"{name:<10} {value}", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("feature", "kind", "may be empty", "values"):
        table.add_column(heading, overflow="fold")
    for feature in known.signature.features:
        categories = ", ".join(feature.categories[:12]) + (" …" if len(feature.categories) > 12 else "")
        table.add_row(feature.name, feature.kind, "yes" if feature.nullable else "", categories)
    console.print(table)


@models.command(name="register")
def register_model(
    source: Annotated[
        str, typer.Argument(help="Folder, model.tar.gz, or s3:// URI of one; version.json beside it is read too.")
    ],
    version: Annotated[
        str | None, typer.Option(help="Id of the version; default: the one that version.json tells.")
    ] = None,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Check an artifact as the model server does, upload it, and register it as a version, which never changes again.

    The checks: its checksum and signature are those of version.json (where there is one), it loads, and its golden
    records get the scores that are promised. Nothing is deployed. To register the same artifact again has no effect.

    Its signature and statistics are kept beside the artifact, whatever their size; what else version.json tells, such
    as the baseline, goes into a parameter of 4 KB.

    [bold]Examples[/]

      ml-pipeline models register build/models/mine
      ml-pipeline models register model.tar.gz --version v7
      ml-pipeline models register s3://team-bucket/models/model.tar.gz --version v8 --json
    """
    target = find_target(where, environment)
    console = human_console(as_json=as_json)
    with console.status("Checking the artifact…"):
        candidate: Candidate = read_candidate(target, source, version)
    with console.status("Uploading…"):
        registered = upload_and_register(target, registry_of(target), candidate)
    if as_json:
        print_json(_brief(registered, None, None))
        return
    console.print(f"registered  {registered.version_id}  {registered.artifact}", markup=False)
    console.print(f"Deploy it with `ml-pipeline models deploy {registered.version_id}`.", markup=False)


@models.command(name="compare")
def compare_models(
    a: Annotated[str, typer.Argument(metavar="A", help="Id of a registered version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Id of another.")],
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Compare two versions: quality at training, features, and how the training data were distributed.

    How they do on live traffic is told by `ml-pipeline experiment status`.

    [bold]Examples[/]

      ml-pipeline models compare v1 v2
      ml-pipeline models compare v1 v2 --json | jq .signature
    """
    from infra.cli.registry.compare import compare_versions, comparison_tables  # here, because arrays cost imports

    registry = registry_of(find_target(where, environment))
    with _registered():
        comparison = compare_versions(registry.whole(a), registry.whole(b))
    if as_json:
        print_json(comparison)
        return
    console = human_console()
    for table in comparison_tables(comparison, a, b):
        console.print(table)
        console.print()


@models.command(name="deploy")
def deploy_model(
    version: _VersionArgument,
    role: Annotated[
        str, typer.Option(help="champion: all traffic, and the active version. challenger: a share of the traffic.")
    ] = "champion",
    share: Annotated[
        float | None, typer.Option(min=0, max=100, help="Percent of the traffic for a challenger. [default: 20]")
    ] = None,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Deploy a version to the endpoint by the workflow model-deploy, and follow it.

    It gets traffic only after it gave its golden records the right scores; if anything fails, what served before is
    restored. What it replaces stays warm, so that a rollback takes seconds.

    [bold]Examples[/]

      ml-pipeline models deploy v2
      ml-pipeline models deploy v2 --role challenger --share 20
      ml-pipeline models deploy v2 --json
    """
    if role not in ("champion", "challenger"):
        raise RefusedError(f"There is no role {role!r}.", "There are: champion, challenger.")
    if share is not None and (role == "champion" or not share):
        raise RefusedError("--share is above 0, and for a challenger: a champion gets all traffic.")
    target = find_target(where, environment)
    with _registered():
        registry_of(target).get(version)
    request: dict[str, Any] = {"version": version, "role": role}
    _change(target, "model-deploy", request | ({} if share is None else {"sharePercent": share}), as_json=as_json)


@models.command(name="rollback")
def rollback_model(
    version: Annotated[
        str | None, typer.Argument(help="Id of the version to go back to; default: what was active before.")
    ] = None,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Go back to an earlier version by the workflow model-rollback, and follow it.

    Takes seconds while that version is still warm. A deployment that is under way is stopped.

    [bold]Examples[/]

      ml-pipeline models rollback
      ml-pipeline models rollback v1 --json
    """
    target = find_target(where, environment)
    if version is not None:
        with _registered():
            registry_of(target).get(version)
    _change(target, "model-rollback", {} if version is None else {"version": version}, as_json=as_json)


def _change(target: Target, workflow: str, request: dict[str, Any], *, as_json: bool) -> None:
    console = human_console(as_json=as_json)
    arn = start(target, workflow, request)
    console.print(f"{workflow}  {arn}", markup=False)
    ended = follow_to_end(target, workflow, arn, console)
    after = look(target, registry_of(target))
    if as_json:
        print_json({**ended.as_json(), "serving": after.as_json()})
    else:
        console.print(f"{ended.status}  {ended.seconds:.1f} s", markup=False)
        console.print(table_of(after))
    raise_if_failed(ended)


@contextmanager
def _registered() -> Iterator[None]:
    """Refuse the command if it asks for a version that is not registered."""
    try:
        yield
    except NoSuchVersion as error:
        raise RefusedError(f"{error}.", "`ml-pipeline models list` shows the versions.") from error


def _brief(version: ModelVersion | RegisteredVersion, serving: Serving | None, active: str | None) -> dict[str, Any]:
    by = serving.served.with_version(version.version_id) if serving else []
    return {
        "version": version.version_id,
        "active": version.version_id == active,
        "servedBy": {each.name: each.weight for each in by},
        "artifact": version.artifact,
        "sha256": version.sha256,
        "createdAt": version.created_at,
        "framework": version.framework,
        "threshold": version.threshold,
        "baseline": dict(version.baseline),
    }

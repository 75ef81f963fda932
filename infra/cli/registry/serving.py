"""What is served, as the commands about models show it: the endpoint's variants, and the registry beside them."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table

from infra.cli.stacks.readiness import read_settings
from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.target import Target
from tasks.deployment.serving import ControlPlane, Served, Variant
from tasks.errors import EndpointUnavailable, NoSuchVersion
from tasks.models.registry import Registry
from tasks.storage import Storage


@dataclass(frozen=True)
class Serving:
    """What the endpoint serves.

    `status` is SageMaker's, `since` when the configuration that is served was made, `running` the instances of each
    variant, `active` the version that the registry calls active.
    """

    status: str
    since: datetime
    served: Served
    running: dict[str, int]
    active: str | None

    def percent(self, variant: Variant) -> float:
        """Share of the traffic that a variant gets."""
        total = sum(each.weight for each in self.served.variants)
        return 100 * variant.weight / total if total else 0.0

    def as_json(self) -> dict[str, Any]:
        """Shape it for scripts."""
        return {
            "endpoint": self.served.endpoint,
            "status": self.status,
            "config": self.served.config_name,
            "since": self.since.isoformat(),
            "activeVersion": self.active,
            "variants": {
                variant.name: {
                    "version": variant.version,
                    "weight": variant.weight,
                    "percent": round(self.percent(variant), 3),
                    "instances": self.running[variant.name],
                }
                for variant in self.served.variants
            },
        }

    def served_by(self, version: str) -> str:
        """Tell which variants serve a version, and their shares; empty if none does."""
        shown = [f"{each.name} {percent_text(self.percent(each))}" for each in self.served.with_version(version)]
        return ", ".join(shown)


def registry_of(target: Target) -> Registry:
    """The registry of models of this deployment."""
    return Registry(read_settings(target).models_root, target.client("ssm"), Storage(target.client("s3")))


def active_version(registry: Registry) -> str | None:
    """The id of the active version, None if there is none."""
    try:
        return registry.active()
    except NoSuchVersion:
        return None


def misnamed(registry: Registry, versions: Container[str]) -> str | None:
    """Say that the parameter of the active version names none of the registered ones; None if all is well."""
    active = active_version(registry)
    if active is None or active in versions:
        return None
    return (
        f"The active version is set to {active!r}, which is not registered: nobody serves it, and the API goes on with "
        "the version before. `ml-pipeline models rollback` sets it right."
    )


def look(target: Target, registry: Registry) -> Serving:
    """See what the endpoint serves, even while it is being updated.

    Raises
    ------
    CommandError
        If it is not deployed, or serves what deployments did not make.
    """
    sagemaker = target.client("sagemaker")
    try:
        served = ControlPlane(target.names.endpoint, sagemaker).served_meanwhile()
    except EndpointUnavailable as error:
        raise CommandError(f"{error}.", "`ml-pipeline deploy models` deploys the endpoint.") from error
    described = sagemaker.describe_endpoint(EndpointName=target.names.endpoint)
    running = {
        each["VariantName"]: each.get("CurrentInstanceCount") for each in described.get("ProductionVariants", ())
    }
    return Serving(
        status=described["EndpointStatus"],
        since=served.config["CreationTime"],
        served=served,
        running={each.name: int(running.get(each.name) or 0) for each in served.variants},
        active=active_version(registry),
    )


def look_if_there(target: Target, registry: Registry) -> Serving | None:
    """See what the endpoint serves; None if it is not deployed."""
    try:
        return look(target, registry)
    except CommandError:
        return None


def percent_text(percent: float) -> str:
    """Write a share of the traffic: `80 %`, `33.3 %`."""
    return f"{percent:.3g} %" if percent < 99.95 else "100 %"


def table_of(serving: Serving) -> Table:
    """Lay the variants side by side: version, weight, instances."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for variant in serving.served.variants:
        table.add_column(variant.name, justify="right")
    variants = serving.served.variants
    table.add_row("version", *(version_text(each, serving.active) for each in variants))
    table.add_row("weight", *(f"{each.weight:g}" for each in variants))
    table.add_row("share", *(percent_text(serving.percent(each)) for each in variants))
    table.add_row("instances", *(str(serving.running[each.name]) for each in variants))
    return table


def version_text(variant: Variant, active: str | None) -> str:
    """Name the version of a variant, and whether it is the active one."""
    version = variant.version or "of somebody else"
    return f"{version} (active)" if variant.version == active else version

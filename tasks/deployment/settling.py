"""The end of a deployment, rollback or shift: what nobody needs any more goes, and the lock is given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tasks.deployment.lock import DeploymentLock
from tasks.deployment.requests import Naming
from tasks.deployment.serving import ControlPlane, KeptConfig
from tasks.errors import AccessRefused

#: Configurations beside those in use that can be served again, of different versions each.
KEPT_CONFIGS = 5


def settle(
    plan: Mapping[str, Any], outcome: Any, control_plane: ControlPlane, lock: DeploymentLock, naming: Naming
) -> dict[str, Any]:
    """Prune and release the lock. Whoever does not hold the lock changes nothing.

    Parameters
    ----------
    plan
        The plan that was carried out, or undone.
    outcome
        What the workflow says of it; it goes into the summary as it is.

    Returns
    -------
    `id`, `kind`, `version`, `execution`, `startedAt` of the plan, and `outcome`; `served`, what the endpoint serves
    now; `pruned`, the names of what was deleted, and `notPruned`, why something was not; `released`, whether the
    execution held the lock.

    Raises
    ------
    ServiceUnavailable
        If a service does not answer; the lock is kept then, for this is tried again.
    """
    execution = plan["execution"]
    held = lock.hold()
    is_ours = held is not None and held.execution == execution
    pruned: dict[str, Any] = {"pruned": [], "notPruned": None}
    if is_ours:
        pruned = prune(plan, control_plane, naming)
    served = control_plane.served_meanwhile()
    return {
        "id": plan["id"],
        "kind": plan["kind"],
        "version": plan["version"],
        "execution": execution,
        "startedAt": plan["startedAt"],
        "outcome": outcome,
        "served": {
            "endpoint": served.endpoint,
            "config": served.config_name,
            "variants": {each.name: {"version": each.version, "weight": each.weight} for each in served.variants},
        },
        **pruned,
        "released": is_ours and lock.release(execution),
    }


def prune(plan: Mapping[str, Any], control_plane: ControlPlane, naming: Naming) -> dict[str, Any]:
    """Delete our configurations and models that are neither in use nor kept.

    Kept are the newest configurations with different versions, `KEPT_CONFIGS` of them; not the one of this plan if it
    is not served, for then it has failed. What CloudFormation made has other names and is never touched.
    """
    in_use = control_plane.configs_in_use()
    configs = list(control_plane.kept_configs(naming.prefix("config")))
    failed = (plan["config"] or {}).get("EndpointConfigName")
    kept: list[KeptConfig] = [config for config in configs if config.name in in_use]
    spare: list[KeptConfig] = []
    for config in configs:
        versions = [dict(each.versions) for each in (*kept, *spare)]
        if config not in kept and config.name != failed and dict(config.versions) not in versions:
            spare.append(config)
    kept += spare[:KEPT_CONFIGS]
    needed = {model for config in kept for model in config.models.values()}
    pruned: list[str] = []
    try:
        for config in configs:
            if config not in kept:
                control_plane.delete_config(config.name)
                pruned.append(config.name)
        for model in control_plane.model_names(naming.prefix("model")):
            if model not in needed:
                control_plane.delete_model(model)
                pruned.append(model)
    except (AccessRefused, ClientError) as error:
        # What is left over costs nothing, and is tried again at the next end; it is no reason to fail.
        return {"pruned": pruned, "notPruned": str(error)}
    return {"pruned": pruned, "notPruned": None}

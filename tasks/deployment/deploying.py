"""A deployment: a version goes into the variant that does not serve the active one."""

from __future__ import annotations

from typing import Any

from tasks.deployment.input import DEPLOY_SCHEMA, Asked
from tasks.deployment.plan import Situation, plan_document
from tasks.deployment.requests import Naming, new_model, new_version
from tasks.deployment.serving import Variant
from tasks.errors import InvalidDeployment
from tasks.models.version import RegisteredVersion


def plan_deploy(asked: Asked, version: RegisteredVersion, situation: Situation, naming: Naming) -> dict[str, Any]:
    """Plan a deployment.

    A variant that serves the version already, from the same artifact and image, is tested and used as it is.

    Parameters
    ----------
    asked
        The checked input.
    version
        The version to deploy, verified.

    Raises
    ------
    InvalidDeployment
        If the active version is to be its own challenger.
    """
    champion, challenger = situation.champion, situation.challenger
    if asked.get("role") == "challenger":
        if version.version_id == champion.version:
            raise InvalidDeployment(
                f"{version.version_id} is the champion ({champion.name}); its challenger must be another version"
            )
        ready = challenger if _serves(challenger, version, situation, naming) else None
        share = float(asked.get("sharePercent", DEPLOY_SCHEMA["properties"]["sharePercent"]["default"]))
        weights = {champion.name: 100.0 - share, challenger.name: share}
        active_after = None
    else:
        serving = [each for each in (champion, challenger) if _serves(each, version, situation, naming)]
        ready = serving[0] if serving else None
        weights = dict(situation.all_to((ready or challenger).name))
        active_after = version.version_id
        if len(serving) == 2:
            weights = {each.name: each.weight for each in serving}
    requests = None
    if ready is None:
        requests = new_version(version, challenger, situation.served, situation.execution.arn, naming)
    return plan_document(
        "deploy",
        situation,
        version=version.version_id,
        active_after=active_after,
        weights=weights,
        requests=requests,
        tested=(ready or challenger).name,
    )


def _serves(variant: Variant, version: RegisteredVersion, situation: Situation, naming: Naming) -> bool:
    """Whether a variant's model is the one that a deployment would make."""
    wanted = new_model(version, variant, situation.served, situation.execution.arn, naming)["PrimaryContainer"]
    container = variant.model["PrimaryContainer"]
    return variant.version == version.version_id and all(container.get(key) == wanted[key] for key in wanted)

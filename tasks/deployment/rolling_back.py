"""A rollback: another version that is at hand gets all traffic. The quicker the way, the better."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tasks.deployment.plan import Situation, plan_document
from tasks.deployment.requests import Naming, Requests, new_version, update_to
from tasks.deployment.serving import KeptConfig, Served
from tasks.models.version import RegisteredVersion


def is_served(version: str, served: Served) -> bool:
    """Whether a version is what most of the traffic gets, so that there is nothing to roll back.

    What a challenger gets beside it does not count.
    """
    for_it = sum(variant.weight for variant in served.with_version(version))
    return for_it > sum(variant.weight for variant in served.variants) - for_it


def plan_nothing(version: str, situation: Situation) -> dict[str, Any]:
    """The plan that changes nothing, for a version that is served."""
    weights = {variant.name: variant.weight for variant in situation.served.variants}
    return plan_document("rollback", situation, version=version, active_after=None, weights=weights)


def plan_rollback(
    version: RegisteredVersion,
    situation: Situation,
    naming: Naming,
    *,
    kept: Callable[[], Iterable[KeptConfig]],
    verify: Callable[[], object],
    by_hand: bool,
) -> dict[str, Any]:
    """Plan a rollback.

    A version that a variant still serves is warm: weights are all that changes. Else the newest kept configuration is
    served again in which the version had traffic from the start; and if none is kept, the version is brought into the
    variant of the challenger as a deployment does it.

    Parameters
    ----------
    kept
        Gives our configurations, the newest first; asked only if the version is cold.
    verify
        Raises if the version's artifact must not be served; asked only if servers have to load it.
    by_hand
        Whether somebody set the parameter of the active version.
    """
    target = version.version_id
    served = situation.served
    warm = served.with_version(target)
    requests: Requests | None = None
    tested: str | None = None
    if len(warm) == len(served.variants):
        weights = {variant.name: variant.weight for variant in warm}
    elif warm:
        weights = dict(situation.all_to(warm[0].name))
    else:
        verify()
        tested = situation.challenger.name
        for config in kept():
            with_traffic = [name for name, each in config.versions.items() if each == target and config.weights[name]]
            if with_traffic and config.versions.keys() == {each.name for each in served.variants}:
                tested, requests = with_traffic[0], Requests(update_to(config.name, served))
                break
        if requests is None:
            requests = new_version(version, situation.challenger, served, situation.execution.arn, naming)
        weights = dict(situation.all_to(tested))
    return plan_document(
        "rollback",
        situation,
        version=target,
        active_after=target,
        weights=weights,
        requests=requests,
        tested=tested,
        by_hand=by_hand,
    )

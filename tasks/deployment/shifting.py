"""A shift of traffic between the two variants: at once, in steps, or until one has proved better."""

from __future__ import annotations

from typing import Any

from tasks.deployment.input import (
    DEFAULT_CHECK_SECONDS,
    DEFAULT_GUARD_RAILS,
    DEFAULT_LONGEST_SECONDS,
    Asked,
)
from tasks.deployment.plan import Shift, Situation, Weights, plan_document
from tasks.deployment.serving import Variant
from tasks.errors import InvalidDeployment


def plan_shift(asked: Asked, situation: Situation) -> dict[str, Any]:
    """Plan a shift. A variant that is left with all the traffic has its version made the active one.

    Raises
    ------
    InvalidDeployment
        If two variants of the same version are to be compared.
    """
    if "automatic" in asked:
        return _automatic(asked, situation)
    if "steps" in asked:
        return _stepped(asked, situation)
    served = {variant.name: variant.weight for variant in situation.served.variants}
    weights = asked.get("weights", served)
    version = _left_alone(weights, situation)
    return plan_document("shift", situation, version=version, active_after=version, weights=weights)


def _stepped(asked: Asked, situation: Situation) -> dict[str, Any]:
    steps = [(step["weights"], step["bakeSeconds"]) for step in asked["steps"]]
    last, end = steps[-1][0], asked.get("end", "promote")
    weights: Weights = last
    if end == "promote":
        champion, challenger = situation.champion, situation.challenger
        promoted = challenger if last[challenger.name] >= last[champion.name] else champion
        weights = situation.all_to(promoted.name)
    shift = Shift(steps, _guard_rails(asked), roll_back=_served_weights(situation), end=end)
    version = _left_alone(weights, situation)
    return plan_document("shift", situation, version=version, active_after=version, weights=weights, shift=shift)


def _automatic(asked: Asked, situation: Situation) -> dict[str, Any]:
    champion, challenger = situation.champion, situation.challenger
    if champion.version == challenger.version:
        raise InvalidDeployment(
            f"both variants serve {champion.version}, so there is nothing to compare; deploy a challenger first"
        )
    weights = asked.get("weights") or _served_weights(situation)
    if not all(weights.values()):
        weights = {champion.name: 50.0, challenger.name: 50.0}
    check = asked.get("checkSeconds", DEFAULT_CHECK_SECONDS)
    shift = Shift(
        [(weights, check)],
        _guard_rails(asked),
        roll_back=situation.all_to(champion.name),
        end="promote",
        check_seconds=check,
        longest_seconds=asked.get("longestSeconds", DEFAULT_LONGEST_SECONDS),
    )
    return plan_document(
        "shift",
        situation,
        version=challenger.version,
        active_after=challenger.version,
        weights=situation.all_to(challenger.name),
        shift=shift,
    )


def _left_alone(weights: Weights, situation: Situation) -> str | None:
    """The version that nothing is beside any more; None as long as both variants get traffic."""
    serving: list[Variant] = [variant for variant in situation.served.variants if weights[variant.name]]
    return serving[0].version if len(serving) == 1 else None


def _guard_rails(asked: Asked) -> dict[str, float]:
    return {**DEFAULT_GUARD_RAILS, **asked.get("guardRails", {})}


def _served_weights(situation: Situation) -> Weights:
    return {variant.name: variant.weight for variant in situation.served.variants}

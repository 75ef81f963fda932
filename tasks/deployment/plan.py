"""The plan of a deployment, rollback or shift: everything that the workflow then does, decided beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.deployment.input import Kind
from tasks.deployment.requests import Requests
from tasks.deployment.serving import Served, Variant, desired_weights

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Execution:
    """The execution that plans: its ARN, and its start (ISO 8601)."""

    arn: str
    started_at: str


@dataclass(frozen=True)
class Situation:
    """Where a plan starts from: what is served, and the version that counts as active (None: there is none).

    `misnamed` says whether there is none because the parameter names one that is not registered.
    """

    execution: Execution
    served: Served
    active_version: str | None
    misnamed: bool = False

    @property
    def champion(self) -> Variant:
        """The variant that serves the active version."""
        return self.served.champion(self.active_version)

    @property
    def challenger(self) -> Variant:
        """The variant into which the next version goes."""
        return self.served.other(self.champion)

    def all_to(self, variant: str) -> Weights:
        """The weights that give one variant all traffic."""
        return {each.name: 100.0 if each.name == variant else 0.0 for each in self.served.variants}


@dataclass(frozen=True)
class Shift:
    """How traffic is shifted: steps (weights and their bake time), guard-rails, and how it ends."""

    steps: Sequence[tuple[Weights, int]]
    guard_rails: Mapping[str, float]
    roll_back: Weights
    end: str
    check_seconds: int | None = None
    longest_seconds: int | None = None


def plan_document(
    kind: Kind,
    situation: Situation,
    *,
    version: str | None,
    active_after: str | None,
    weights: Weights,
    requests: Requests | None = None,
    tested: str | None = None,
    shift: Shift | None = None,
    by_hand: bool = False,
) -> dict[str, Any]:
    """The plan as JSON, the form in which it travels between states.

    Parameters
    ----------
    version
        The version that is brought into service; None where only weights change.
    active_after
        The version that is active at the end; None: that which is active now stays so, and what somebody has misnamed
        is left to whom it concerns (decision 12).
    weights
        At the end, by variant.
    requests
        What has to be asked of SageMaker before.
    tested
        The variant that must pass the smoke test.
    by_hand
        Whether somebody set the parameter of the active version to what it shall be.
    """
    served, champion = situation.served, situation.champion
    left_alone = by_hand or (situation.misnamed and active_after is None)
    before = situation.active_version or champion.version
    after = active_after or before
    final, previous = desired_weights(weights), served.weights()
    model, config, update = (requests.model, requests.config, requests.update) if requests else (None, None, None)
    return {
        "id": situation.execution.arn.rpartition(":")[2],
        "kind": kind,
        "execution": situation.execution.arn,
        "startedAt": situation.execution.started_at,
        "endpoint": served.endpoint,
        "version": version,
        "activeVersion": {"before": before, "after": after, "set": by_hand},
        "champion": champion.name,
        "challenger": situation.challenger.name,
        "serves": {variant.name: variant.version for variant in served.variants},
        "previous": {"config": served.config_name, "weights": previous},
        "variant": tested,
        "weights": final,
        "rollBack": previous if shift is None else desired_weights(shift.roll_back),
        "steps": []
        if shift is None
        else [{"weights": desired_weights(step), "bakeSeconds": seconds} for step, seconds in shift.steps],
        "guardRails": None if shift is None else dict(shift.guard_rails),
        "automatic": shift is not None and shift.check_seconds is not None,
        "checkSeconds": shift.check_seconds if shift else None,
        "longestSeconds": shift.longest_seconds if shift else None,
        "end": shift.end if shift else None,
        "needs": {
            "model": model is not None,
            "config": config is not None,
            "update": update is not None,
            "weights": update is not None or shift is not None or final != previous,
            "activate": after != situation.active_version and not left_alone,
        },
        "model": model,
        "config": config,
        "update": update,
    }

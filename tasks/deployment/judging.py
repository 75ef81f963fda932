"""The verdict on a shift of traffic: go on, roll back, or promote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tasks.deployment.sequential import Comparison, Sample, compare
from tasks.deployment.traffic import VariantTraffic

Verdict = Literal["go-on", "roll-back", "promote"]

#: The chance to see a difference where there is none, over all looks: of errors and of quality, half of it each.
ALPHA = 0.05


@dataclass(frozen=True)
class Judgement:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


#: The squared errors of champion and challenger, as far as outcomes are known.
Quality = Callable[[], tuple[Sample, Sample]]


def judge(
    plan: Mapping[str, Any],
    traffic: Mapping[str, VariantTraffic],
    *,
    quality: Quality,
    since: datetime,
    now: datetime,
) -> Judgement:
    """Judge a step of a shift.

    Parameters
    ----------
    plan
        The plan of the shift.
    traffic
        What each variant did since the weights of the step were set.
    quality
        Asked only by an automatic shift whose guard-rails hold.
    since
        When the weights of the step were set.

    Returns
    -------
    `roll-back` if a guard-rail is broken. Of a stepped shift else `go-on`. Of an automatic one `promote` if the
    challenger is better by what is known of outcomes, or by its errors where no outcome is known; `roll-back` if it is
    worse by either, or if the longest time has passed; else `go-on`, to look again.
    """
    broken = _broken_guard_rail(plan["guardRails"], traffic)
    if broken:
        return Judgement("roll-back", broken)
    if not plan["automatic"]:
        return Judgement("go-on", _few(plan["guardRails"], traffic) or "the guard-rails hold")
    champion, challenger = plan["champion"], plan["challenger"]
    errors = compare(_errors(traffic[champion]), _errors(traffic[challenger]), ALPHA / 2)
    if errors.decision == "b-greater":
        return Judgement("roll-back", f"{challenger} fails more often than {champion}: {_shown(errors, 'error rate')}")
    of_champion, of_challenger = quality()
    squared = compare(of_champion, of_challenger, ALPHA / 2)
    if squared.decision == "b-greater":
        return Judgement("roll-back", f"{challenger} predicts worse than {champion}: {_shown(squared, 'Brier score')}")
    if squared.decision == "a-greater":
        return Judgement("promote", f"{challenger} predicts better than {champion}: {_shown(squared, 'Brier score')}")
    if errors.decision == "a-greater" and not of_champion.count and not of_challenger.count:
        return Judgement("promote", f"{challenger} fails less often than {champion}: {_shown(errors, 'error rate')}")
    if (now - since).total_seconds() >= plan["longestSeconds"]:
        return Judgement("roll-back", f"no difference was found within {plan['longestSeconds']:,} s")
    return Judgement(
        "go-on",
        f"undecided after {traffic[champion].invocations:,} and {traffic[challenger].invocations:,} invocations, "
        f"{of_champion.count:,} and {of_challenger.count:,} outcomes",
    )


def _broken_guard_rail(rails: Mapping[str, float], traffic: Mapping[str, VariantTraffic]) -> str | None:
    for name, variant in traffic.items():
        if variant.invocations < rails["fewestInvocations"]:
            continue
        if variant.error_percent > rails["errorPercent"]:
            return (
                f"{variant.error_percent:.1f} % of the {variant.invocations:,} invocations of {name} failed; allowed "
                f"are {rails['errorPercent']:g} %"
            )
        if variant.latency_p99_ms is not None and variant.latency_p99_ms > rails["latencyP99Ms"]:
            return (
                f"the latency of {name} is {variant.latency_p99_ms:,.0f} ms (p99); allowed are "
                f"{rails['latencyP99Ms']:g} ms"
            )
    return None


def _few(rails: Mapping[str, float], traffic: Mapping[str, VariantTraffic]) -> str | None:
    few = [
        f"{name} ({each.invocations:,})"
        for name, each in traffic.items()
        if each.invocations < rails["fewestInvocations"]
    ]
    return f"too few invocations to judge {' and '.join(few)}" if few else None


def _errors(traffic: VariantTraffic) -> Sample:
    # The two counts are put by CloudWatch at different moments.
    return Sample.of_counts(min(traffic.errors, traffic.invocations), traffic.invocations)


def _shown(found: Comparison, what: str) -> str:
    low, high = found.interval
    return f"{what} {found.difference:+.4f}, between {low:+.4f} and {high:+.4f} (p = {found.p_value:.2g})"

"""An experiment in words, tables and JSON."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.cli.registry.experiment_data import Arm, Experiment
from infra.cli.registry.serving import percent_text, version_text
from infra.cli.runs.scores import UNKNOWN
from tasks.deployment.sequential import FEWEST, Comparison

METHOD = "mixture sequential probability ratio test (Johari, Koomen, Pekelis, Walsh 2022)"

_BINS = 16
_BAR = 24


def what_it_says(found: Experiment) -> list[str]:
    """Tell in words what the tests say, and what could be done."""
    variants = [arm.variant for arm in found.arms]
    if variants[0].version == variants[1].version:
        return [f"Both variants serve {variants[0].version}: there is nothing to compare."]
    requests, judged = (
        min(arm.traffic.invocations for arm in found.arms),
        min(arm.judged.squared_errors.count for arm in found.arms),
    )
    said = [
        _says("errors", found.errors, requests, "requests", lambda value: f"{100 * value:+.2f} points"),
        _says("Brier score", found.brier, judged, "requests with outcomes", lambda value: f"{value:+.4f}"),
    ]
    return said + _advice(found)


def _says(what: str, test: Comparison, fewest: int, of: str, shown: Callable[[float], str]) -> str:
    if fewest < FEWEST:
        return f"{what}: not decided, a variant has only {fewest} {of}; the test begins at {FEWEST} of each"
    between = f"ModelB - ModelA = {shown(test.difference)}, between {shown(test.interval[0])} and "
    between += f"{shown(test.interval[1])}, p {'<= 0.0001' if test.p_value < 1e-4 else f'= {test.p_value:.4f}'}"
    verdict = {
        "undecided": "not decided",
        "a-greater": "ModelB is better (less)",
        "b-greater": "ModelA is better (less)",
    }[test.decision]
    return f"{what}: {verdict}; {between}"


def _advice(found: Experiment) -> list[str]:
    # Quality first; errors decide only as long as the outcomes do not contradict.
    for test in (found.brier, found.errors):
        if test.decision != "undecided":
            better = found.arms[1 if test.decision == "a-greater" else 0].variant
            if better.version == found.serving.active:
                a, b = (100, 0) if better.name == "ModelA" else (0, 100)
                return [f"To end it: ml-pipeline weights --model-a {a} --model-b {b}"]
            return [f"To promote {better.version}: ml-pipeline models deploy {better.version}"]
    return ["Nothing is decided yet: look again whenever you like."]


def print_experiment(found: Experiment, console: Console) -> None:
    """Print both variants side by side, their scores, and what the tests say."""
    console.print(
        f"{found.serving.served.endpoint}  {found.serving.status}  since {found.since:%Y-%m-%d %H:%M} UTC", markup=False
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for arm in found.arms:
        table.add_column(arm.variant.name, justify="right")
    for name, cell in _rows(found):
        table.add_row(name, *(cell(arm) for arm in found.arms))
    console.print(table)
    sample = "" if found.looked_at_all else f" (a sample: {found.looked_at:,} items of the table)"
    console.print(f"\n[bold]scores[/]{sample}")
    if any(arm.scores.rows for arm in found.arms):
        console.print(_histogram(found))
    else:
        console.print("  No prediction of these versions is in the table yet.")
    console.print(f"\n[bold]always-valid tests[/], alpha {found.alpha:g}")
    for line in what_it_says(found):
        console.print(f"  {line}", markup=False)


def _rows(found: Experiment) -> list[tuple[str, Callable[[Arm], str]]]:
    serving = found.serving
    return [
        ("version", lambda arm: version_text(arm.variant, serving.active)),
        ("weight", lambda arm: f"{arm.variant.weight:g} ({percent_text(serving.percent(arm.variant))})"),
        ("instances", lambda arm: str(serving.running[arm.variant.name])),
        ("invocations", lambda arm: f"{arm.traffic.invocations:,}"),
        ("errors", lambda arm: _errors(arm)),
        ("latency p50", lambda arm: _number(arm.traffic.latency_p50_ms, " ms", 1)),
        ("latency p99", lambda arm: _number(arm.traffic.latency_p99_ms, " ms", 1)),
        ("mean score", lambda arm: _mean(arm)),
        ("outcomes", lambda arm: f"{len(arm.judged.labels):,}"),
        ("Brier score", lambda arm: _number(arm.quality.brier)),
        ("log loss", lambda arm: _number(arm.quality.log_loss)),
        ("AUC", lambda arm: _number(arm.quality.auc)),
    ]


def _errors(arm: Arm) -> str:
    traffic = arm.traffic
    return f"{traffic.errors:,}" + (f" ({traffic.error_percent:.2f} %)" if traffic.invocations else "")


def _mean(arm: Arm) -> str:
    counts = arm.scores.histogram(bins=256)[UNKNOWN]
    total = int(counts.sum())
    return _number(sum((place + 0.5) * int(rows) for place, rows in enumerate(counts)) / 256 / total) if total else "-"


def _number(value: float | None, unit: str = "", digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def _histogram(found: Experiment) -> Table:
    """The share of each variant's scores in equal bins, beside each other."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    for _ in found.arms:
        table.add_column(width=_BAR + 6)
    counts = [arm.scores.histogram(_BINS)[UNKNOWN] for arm in found.arms]
    shares = [of_arm / max(of_arm.sum(), 1) for of_arm in counts]
    longest = max(float(of_arm.max()) for of_arm in shares) or 1.0
    table.add_row("", *(f"{arm.variant.name}, {int(of.sum()):,}" for arm, of in zip(found.arms, counts, strict=True)))
    for place in range(_BINS):
        bars = (
            f"{'█' * round(_BAR * of_arm[place] / longest) or ('▏' if of_arm[place] else '')} {of_arm[place]:.0%}"
            if of_arm[place]
            else ""
            for of_arm in shares
        )
        table.add_row(f"{place / _BINS:.2f}", *bars)
    return table


def experiment_json(found: Experiment) -> dict[str, Any]:
    """Shape it for scripts."""
    serving = found.serving.as_json()
    return {
        **serving,
        "since": found.since.isoformat(),
        "variants": {arm.variant.name: serving["variants"][arm.variant.name] | _arm_json(arm) for arm in found.arms},
        "tests": {
            "method": METHOD,
            "alpha": found.alpha,
            "errors": _test_json(found.errors),
            "brier": _test_json(found.brier),
            "says": what_it_says(found),
        },
        "itemsLookedAt": found.looked_at,
        "allItems": found.looked_at_all,
    }


def _arm_json(arm: Arm) -> dict[str, Any]:
    quality = arm.quality
    return {
        **arm.traffic.to_json(),
        "scores": {"count": arm.scores.rows, "histogram": arm.scores.histogram(_BINS)[UNKNOWN].tolist()},
        "quality": {
            "outcomes": quality.rows_with_outcome,
            "rate": quality.outcome_rate,
            "brier": quality.brier,
            "logLoss": quality.log_loss,
            "auc": quality.auc,
        },
    }


def _test_json(test: Comparison) -> dict[str, Any]:
    return {
        "difference": test.difference,
        "interval": list(test.interval),
        "pValue": test.p_value,
        "decision": test.decision,
    }

"""The pictures of reports, as PNG."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from infra.cli.runs.figures import (
    BLUE,
    DPI,
    FAINT,
    GREY,
    INK,
    ORANGE,
    WIDTH,
    canvas,
    legend,
    legend_above,
    png,
    style,
    thousands,
)
from infra.cli.runs.run_record import Marker
from infra.cli.runs.scores import NEGATIVE, POSITIVE, UNKNOWN, ScoreTally

LANE_COLOURS = {"small": BLUE, "large": ORANGE}
LANE_NAMES = {"small": "small shards (Lambda)", "large": "large shards (Batch)"}


def score_distribution(tally: ScoreTally, threshold: float | None) -> bytes:
    """Draw how many rows have which score, split by outcome where that is known."""
    figure, axes = canvas(3.0)
    counts = tally.histogram(bins=64)
    width = 1 / counts.shape[1]
    left = np.arange(counts.shape[1]) * width
    base = np.zeros(counts.shape[1])
    kinds = (
        (POSITIVE, tally.outcome, ORANGE),
        (NEGATIVE, f"not {tally.outcome}", BLUE),
        (UNKNOWN, "not known", GREY),
    )
    for kind, label, colour in kinds:
        if counts[kind].any():
            axes.bar(
                left, counts[kind], width, bottom=base.copy(), align="edge", color=colour, label=label, linewidth=0
            )
            base += counts[kind]
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 3)), label=f"threshold {threshold:g}")
    axes.set_xlim(0, 1)
    axes.set_xlabel("score (probability)")
    axes.set_ylabel("rows")
    thousands(axes)
    legend(axes, title="outcome")
    return png(figure)


def throughput(markers: Sequence[Marker], lanes: Mapping[str, str]) -> bytes:
    """Draw rows per second over time by lane; a shard's rows count evenly over its time.

    Parameters
    ----------
    markers
        Shards that are done, at least one.
    lanes
        Lane of each shard by its id.
    """
    figure, axes = canvas(2.6)
    start, end = _span(markers)
    edges = np.linspace(0, max(end - start, 0.001), 81)
    base = np.zeros(len(edges) - 1)
    for lane in LANE_COLOURS:
        rate = np.zeros(len(edges) - 1)
        for marker in markers:
            if lanes.get(marker.shard_id) == lane:
                begin = marker.started_at.timestamp() - start
                finish = max(marker.finished_at.timestamp() - start, begin + 0.001)
                overlap = np.minimum(edges[1:], finish) - np.maximum(edges[:-1], begin)
                rate += np.clip(overlap, 0, None) / (finish - begin) * marker.rows / (edges[1] - edges[0])
        if rate.any():
            axes.stairs(
                base + rate, edges, baseline=base.copy(), fill=True, color=LANE_COLOURS[lane], label=LANE_NAMES[lane]
            )
            base += rate
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the first shard began")
    axes.set_ylabel("rows per second")
    thousands(axes)
    legend_above(axes)
    return png(figure)


def shard_timeline(markers: Sequence[Marker], lanes: Mapping[str, str]) -> bytes:
    """Draw when each shard was worked on, one line for each that ran at the same time; at least one marker."""
    start, end = _span(markers)
    slots = {lane: _slots([each for each in markers if lanes.get(each.shard_id) == lane]) for lane in LANE_COLOURS}
    total = sum(len(of_lane) for of_lane in slots.values())
    figure, axes = canvas(min(1.3 + 0.22 * total, 7.0))
    at = 0
    for lane, of_lane in slots.items():
        for number, slot in enumerate(of_lane):
            spans = [
                (each.started_at.timestamp() - start, (each.finished_at - each.started_at).total_seconds())
                for each in slot
            ]
            label = LANE_NAMES[lane] if number == 0 else None
            axes.broken_barh(
                spans, (at + 0.1, 0.8), facecolor=LANE_COLOURS[lane], edgecolor="white", linewidth=0.6, label=label
            )
            at += 1
    axes.set_ylim(total, 0)
    axes.set_xlim(0, max(end - start, 0.001))
    step = -(-total // 12)
    axes.set_yticks(np.arange(0.5, total, step), [str(number) for number in range(1, total + 1, step)])
    axes.set_xlabel("seconds since the first shard began")
    axes.set_ylabel("shards at once")
    axes.grid(axis="y", visible=False)
    legend_above(axes)
    return png(figure)


def calibration(tally: ScoreTally) -> bytes:
    """Draw the share with the outcome against the score, above the number of rows; some outcomes are known."""
    figure = Figure(figsize=(WIDTH, 4.6), dpi=DPI, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for each in (axes, below):
        style(each)
    bins = tally.reliability()
    score = [each.mean_score for each in bins]
    rate = np.array([each.rate for each in bins])
    spread = np.array([[each.rate - each.rate_low, each.rate_high - each.rate] for each in bins]).T
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="perfect calibration")
    axes.errorbar(
        score, rate, yerr=spread.clip(0), color=BLUE, marker="o", markersize=4, linewidth=1.5, elinewidth=1, capsize=2,
        label="observed, with 95 % interval",
    )  # fmt: skip
    axes.set_ylim(0, 1.03)
    axes.set_ylabel(f"share that was {tally.outcome}")
    legend(axes, place="upper left")
    below.bar([each.centre for each in bins], [each.rows for each in bins], width=0.052, color=BLUE, linewidth=0)
    below.set_xlim(0, 1)
    below.set_yscale("log")
    below.set_ylim(bottom=0.8)
    below.set_ylabel("rows (log)")
    below.set_xlabel("score (probability)")
    return png(figure)


def _slots(markers: Sequence[Marker]) -> list[list[Marker]]:
    """Lay shards into as few lines as there were at the same time."""
    slots: list[list[Marker]] = []
    for marker in sorted(markers, key=lambda each: each.started_at):
        free = next((slot for slot in slots if slot[-1].finished_at <= marker.started_at), None)
        if free is None:
            slots.append([marker])
        else:
            free.append(marker)
    return slots


def _span(markers: Sequence[Marker]) -> tuple[float, float]:
    return (
        min(marker.started_at for marker in markers).timestamp(),
        max(marker.finished_at for marker in markers).timestamp(),
    )

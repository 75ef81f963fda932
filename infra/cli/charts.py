"""The pictures of reports and experiments, as PNG.

Colours are of the palette of Okabe and Ito, for colour-blind readers too.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from infra.cli.experiment_data import Experiment
from infra.cli.run_record import Marker
from infra.cli.scores import NEGATIVE, POSITIVE, UNKNOWN, ScoreTally

INK, FAINT, GRID = "#1b1f24", "#6a737d", "#e4e7eb"
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#9aa5b1"
LANE_COLOURS = {"small": BLUE, "large": ORANGE}
LANE_NAMES = {"small": "small shards (Lambda)", "large": "large shards (Batch)"}

_WIDTH = 7.2  # inches; at 200 dpi twice the pixels of the report's column, sharp on dense screens
_DPI = 200


def score_distribution(tally: ScoreTally, threshold: float | None) -> bytes:
    """Draw how many rows have which score, split by outcome where that is known."""
    figure, axes = _canvas(3.0)
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
    _thousands(axes)
    _legend(axes, title="outcome")
    return _png(figure)


def throughput(markers: Sequence[Marker], lanes: Mapping[str, str]) -> bytes:
    """Draw rows per second over time by lane; a shard's rows count evenly over its time.

    Parameters
    ----------
    markers
        Shards that are done, at least one.
    lanes
        Lane of each shard by its id.
    """
    figure, axes = _canvas(2.6)
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
    _thousands(axes)
    _legend_above(axes)
    return _png(figure)


def shard_timeline(markers: Sequence[Marker], lanes: Mapping[str, str]) -> bytes:
    """Draw when each shard was worked on, one line for each that ran at the same time; at least one marker."""
    start, end = _span(markers)
    slots = {lane: _slots([each for each in markers if lanes.get(each.shard_id) == lane]) for lane in LANE_COLOURS}
    total = sum(len(of_lane) for of_lane in slots.values())
    figure, axes = _canvas(min(1.3 + 0.22 * total, 7.0))
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
    _legend_above(axes)
    return _png(figure)


def calibration(tally: ScoreTally) -> bytes:
    """Draw the share with the outcome against the score, above the number of rows; some outcomes are known."""
    figure = Figure(figsize=(_WIDTH, 4.6), dpi=_DPI, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for each in (axes, below):
        _style(each)
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
    _legend(axes, place="upper left")
    below.bar([each.centre for each in bins], [each.rows for each in bins], width=0.052, color=BLUE, linewidth=0)
    below.set_xlim(0, 1)
    below.set_yscale("log")
    below.set_ylim(bottom=0.8)
    below.set_ylabel("rows (log)")
    below.set_xlabel("score (probability)")
    return _png(figure)


def experiment_picture(found: Experiment) -> bytes:
    """Draw the scores of both variants, and the differences between these with their always-valid intervals."""
    figure = Figure(figsize=(_WIDTH, 3.2), dpi=_DPI, layout="constrained")
    scores, errors, quality = figure.subplots(1, 3, width_ratios=[4, 1, 1])
    for each in (scores, errors, quality):
        _style(each)
    for arm, colour in zip(found.arms, (BLUE, ORANGE), strict=True):
        counts = arm.scores.histogram(bins=64)[UNKNOWN]
        if counts.any():
            label = f"{arm.variant.name}, {arm.variant.version}"
            scores.stairs(100 * counts / counts.sum(), np.linspace(0, 1, 65), color=colour, linewidth=1.5, label=label)
            _legend(scores)
    if scores.get_legend() is None:
        scores.set_yticks([])
        scores.text(0.5, 0.5, "no predictions yet", transform=scores.transAxes, ha="center", va="center", color=FAINT)
    scores.set_xlim(0, 1)
    scores.set_ylim(bottom=0)
    scores.set_xlabel("score (probability)")
    scores.set_ylabel("% of the variant's predictions")
    for axes, test, title in ((errors, found.errors, "errors"), (quality, found.brier, "Brier score")):
        low, high = test.interval
        axes.axhline(0, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        if low > -1 or high < 1:  # else nothing is known yet
            axes.errorbar(
                [0], [test.difference], yerr=[[max(test.difference - low, 0)], [max(high - test.difference, 0)]],
                color=GREY if test.decision == "undecided" else GREEN, marker="o", capsize=4,
            )  # fmt: skip
        else:
            axes.set_ylim(-1, 1)
            axes.set_yticks([0])
            axes.set_xlabel("too few yet")
        axes.set_xlim(-1, 1)
        axes.set_xticks([])
        axes.set_title(f"{title},\nModelB - ModelA", fontsize=8, color=INK)
    return _png(figure)


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


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    _style(axes)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)


def _thousands(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _legend(axes: Axes, title: str | None = None, place: Literal["best", "upper left"] = "best") -> None:
    axes.legend(loc=place, fontsize=8, framealpha=0.9, edgecolor="none", title=title, title_fontsize=8)


def _legend_above(axes: Axes) -> None:
    # Above the axes, where it can hide nothing.
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, fontsize=8, frameon=False)


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    # No software version in the file: the same run draws the same bytes.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()

"""The picture of an experiment."""

import numpy as np
from matplotlib.figure import Figure

from infra.cli.registry.experiment_data import Experiment
from infra.cli.runs.figures import BLUE, DPI, FAINT, GREEN, GREY, INK, ORANGE, WIDTH, legend, png, style
from infra.cli.runs.scores import UNKNOWN


def experiment_picture(found: Experiment) -> bytes:
    """Draw the scores of both variants, and the differences between these with their always-valid intervals."""
    figure = Figure(figsize=(WIDTH, 3.2), dpi=DPI, layout="constrained")
    scores, errors, quality = figure.subplots(1, 3, width_ratios=[4, 1, 1])
    for each in (scores, errors, quality):
        style(each)
    for arm, colour in zip(found.arms, (BLUE, ORANGE), strict=True):
        counts = arm.scores.histogram(bins=64)[UNKNOWN]
        if counts.any():
            label = f"{arm.variant.name}, {arm.variant.version}"
            scores.stairs(100 * counts / counts.sum(), np.linspace(0, 1, 65), color=colour, linewidth=1.5, label=label)
            legend(scores)
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
    return png(figure)

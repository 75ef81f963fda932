"""How figures look, and how they become pictures.

Colours are of the palette of Okabe and Ito, for colour-blind readers too.
"""

import io
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, FAINT, GRID = "#1b1f24", "#6a737d", "#e4e7eb"
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#9aa5b1"

WIDTH = 7.2  # inches; at 200 dpi twice the pixels of the report's column, sharp on dense screens
DPI = 200


def canvas(height: float) -> tuple[Figure, Axes]:
    """Make a figure of one plot; `height` in inches."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    style(axes)
    return figure, axes


def style(axes: Axes) -> None:
    """Give a plot the look of all."""
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)


def thousands(axes: Axes) -> None:
    """Separate thousands on the y axis."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def legend(axes: Axes, title: str | None = None, place: Literal["best", "upper left"] = "best") -> None:
    """Add a legend inside the plot."""
    axes.legend(loc=place, fontsize=8, framealpha=0.9, edgecolor="none", title=title, title_fontsize=8)


def legend_above(axes: Axes) -> None:
    """Add a legend above the plot, where it can hide nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, fontsize=8, frameon=False)


def png(figure: Figure) -> bytes:
    """Encode a figure; the same data give the same bytes."""
    picture = io.BytesIO()
    # No software version in the file: the same run draws the same bytes.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()

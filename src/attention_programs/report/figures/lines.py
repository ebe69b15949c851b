"""Parts shared by line figures: a baseline's line, intervals, and labels at the right end."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from attention_programs.programs.methods import BASELINES, FITTED_SINK_SELF
from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.style import MUTED, spread

BASELINE = BASELINES[FITTED_SINK_SELF].label.lower()
DASHED = (0, (3, 2))


@dataclass(frozen=True)
class End:
    """The end of a line, and its label."""

    x: float
    y: float
    label: str
    color: str
    weight: str = "bold"


def draw_estimates(axes: Axes, places: Sequence[float], values: Sequence[Estimate], color: str) -> None:
    """A line through values with their intervals as vertical bars."""
    heights = [value.value for value in values]
    axes.plot(places, heights, color=color, marker="o", markersize=4)
    known = [(place, value) for place, value in zip(places, values, strict=True) if value.has_interval]
    if known:
        lows, highs = [value.low for _, value in known], [value.high for _, value in known]
        axes.vlines([place for place, _ in known], lows, highs, color=color, linewidth=1)


def draw_level(axes: Axes, level: float, label: str) -> None:
    """A baseline's dashed line across the axes, labelled below its right end."""
    axes.axhline(level, color=MUTED, linewidth=1, linestyle=DASHED, zorder=1)
    axes.annotate(label, (1, level), (-2, -3), xycoords=axes.get_yaxis_transform(), color=MUTED,
                  textcoords="offset points", ha="right", va="top")  # fmt: skip


def name_ends(axes: Axes, ends: Sequence[End], gap: float = 0.065, place: float = 1.03) -> None:
    """Labels lines at the right of the axes, moved apart so that labels do not overlap."""
    to_axes = axes.transScale + axes.transLimits
    heights = [float(to_axes.transform((end.x, end.y))[1]) for end in ends]
    for end, wanted, height in zip(ends, heights, spread(heights, gap), strict=True):
        leader = {"arrowstyle": "-", "color": end.color, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 1}
        axes.annotate(end.label, (1.0, wanted), (place, height), xycoords="axes fraction", textcoords="axes fraction",
                      color=end.color, fontweight=end.weight, va="center", annotation_clip=False,
                      arrowprops=leader)  # fmt: skip

"""Does a good fit mean a low cost, and does a head matter at all: one dot per head."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attention_programs.evidence.conditions import CORRECT, ZERO
from attention_programs.report.figures.style import INK, MUTED, ORANGE, TOOLTIP, WIDTH

NAMED = 4
"""Heads with the largest effects, which are named on paper, too."""


def draw_effects(effects: pd.DataFrame, fits: pd.DataFrame) -> Figure:
    """Effect of each head's program against its IoU, and against what the model loses without the head.

    Args:
        effects: ``effects.csv``.
        fits: One row per head with ``iou_test``.
    """
    own, zero = (
        effects[effects["replaced_by"] == kind].set_index("head")["ablation_effect"] for kind in (CORRECT, ZERO)
    )
    joined = fits.set_index("head")[["iou_test"]].join(own).join(zero.rename("zero"))
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _dots(left, joined["iou_test"], joined["ablation_effect"])
    left.set_xlim(0, 1.02)
    left.set(xlabel="test IoU of the head's program", ylabel="effect of the program, nats per token")
    right.set_xscale("log")
    _dots(right, _positive(joined["zero"]), joined["ablation_effect"])
    ends = [max(right.get_xlim()[0], right.get_ylim()[0]), min(right.get_xlim()[1], right.get_ylim()[1])]
    right.plot(ends, ends, color=MUTED, linewidth=0.8, zorder=1)
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.set_xlabel("effect of zero ablation, nats per token")
    return figure


def _positive(values: pd.Series) -> pd.Series:
    """Values for a logarithmic axis: those of zero or below are drawn at the lowest positive one."""
    positive = values[values > 0]
    return values.clip(lower=float(positive.min()) if len(positive) else 1e-6)


def _dots(axes: Axes, places: pd.Series, effects: pd.Series) -> None:
    heights = _positive(effects)
    axes.set_yscale("log")
    dot: dict[str, Any] = {"color": ORANGE, "markersize": 3.2, "alpha": 0.55, "markeredgewidth": 0}
    for head in effects.index:
        axes.plot(float(places[head]), float(heights[head]), "o", gid=f"{TOOLTIP}{head}", **dot)
    for head in effects.nlargest(NAMED).index:
        axes.annotate(str(head), (float(places[head]), float(heights[head])), (3, 2), textcoords="offset points",
                      fontsize=6.5, color=INK)  # fmt: skip
    axes.set_ylim(float(heights.min()) / 1.5, 3 * float(np.max(heights)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid()
    axes.set_axisbelow(True)

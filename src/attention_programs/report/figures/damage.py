"""Does fit tell what replacing a head costs: one dot a head."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.lines import BASELINE, DASHED
from attention_programs.report.figures.style import MUTED, ORANGE, WIDTH


def draw_damage(joined: pd.DataFrame, baseline: Estimate) -> Figure:
    """Single-head damage, on a logarithmic axis, against test IoU.

    Args:
        joined: ``iou_test`` of the selected programs and ``damage``, one row a head.
        baseline: IoU of the fitted baseline.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.add_subplot()
    positive = joined["damage"][joined["damage"] > 0]
    least = float(positive.min()) if len(positive) else 1e-6
    heights = np.maximum(joined["damage"], least)
    axes.set_yscale("log")
    axes.plot(joined["iou_test"], heights, "o", color=ORANGE, markersize=3.5, alpha=0.55, markeredgewidth=0)
    axes.axvline(baseline.value, color=MUTED, linewidth=1, linestyle=DASHED, zorder=1)
    axes.annotate(f"mean of {BASELINE}", (baseline.value, 1), (4, -2), xycoords=axes.get_xaxis_transform(),
                  textcoords="offset points", color=MUTED, va="top")  # fmt: skip
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(least / 1.5, 4 * float(heights.max()))
    axes.set_xlim(0, 1)
    axes.set(xlabel="test IoU of the selected program", ylabel="damage, nats per token")
    axes.grid()
    axes.set_axisbelow(True)
    return figure

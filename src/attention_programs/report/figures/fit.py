"""The distribution of IoU over heads: programs against baselines."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attention_programs.files import records
from attention_programs.programs.methods import BASELINES, METHODS
from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.style import GREY, INK, MUTED, PALETTE, PAPER, WIDTH
from attention_programs.report.result_tables import ALL_CORPORA

COLUMNS = {"iou": 10, "sink_excluded_iou": 96}
"""Metrics whose means are printed at the right, and their distance from the axes in points."""


def draw_fit(heads: pd.DataFrame, iou: pd.DataFrame) -> Figure:
    """One row per method: the density of its heads' test IoU, quartiles, and means as numbers."""
    methods = [method for method in METHODS if (heads["method"] == method).any()]
    figure = Figure(figsize=(WIDTH, 0.42 * len(methods) + 0.85), layout="constrained")
    axes = figure.add_subplot()
    for position, method in enumerate(methods):
        values = heads.loc[heads["method"] == method, "iou_test"].dropna().to_numpy()
        _row(axes, position, values, GREY if method in BASELINES else PALETTE[METHODS[method].color])
        _numbers(axes, position, method, iou)
    for text, points in zip(("mean IoU", "first column left out"), COLUMNS.values(), strict=True):
        _beside(axes, -0.75, points, text, MUTED)
    axes.set_yticks(range(len(methods)), [METHODS[method].label for method in methods])
    axes.set_ylim(len(methods) - 0.6, -0.95)
    axes.set_xlim(0, 1)
    axes.set_xlabel("IoU with the head's attention, mean over test texts")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _row(axes: Axes, position: int, values: NDArray[np.float64], color: str) -> None:
    if not len(values):
        return
    if np.ptp(values) > 0:
        bodies = axes.violinplot(
            values, [position], orientation="horizontal", widths=1.25, side="low", showextrema=False
        )
        for body in bodies["bodies"]:  # type: ignore[attr-defined]
            body.set(facecolor=color, alpha=0.45, linewidth=0)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([values.min(), values.max()], [position + 0.14] * 2, color=color, linewidth=0.7, solid_capstyle="butt")
    axes.plot([low, high], [position + 0.14] * 2, color=color, linewidth=4, solid_capstyle="butt")
    axes.plot(middle, position + 0.14, "o", markersize=4, markerfacecolor=PAPER, markeredgecolor=color)


def _numbers(axes: Axes, position: int, method: str, iou: pd.DataFrame) -> None:
    for metric, points in COLUMNS.items():
        rows = iou[(iou["method"] == method) & (iou["corpus"] == ALL_CORPORA) & (iou["metric"] == metric)]
        for row in records(rows):
            _beside(axes, position, points, Estimate(row.mean, row.low, row.high).text(2), INK)


def _beside(axes: Axes, position: float, points: float, text: str, color: str) -> None:
    """Writes to the right of the axes, offset in points so that the layout does not move it."""
    axes.annotate(text, (1, position), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                  color=color, va="center", annotation_clip=False)  # fmt: skip

"""Does a good fit mean a low cost, and does a head matter at all: one dot per head."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Affine2D, Bbox

from attention_programs.evidence.conditions import CORRECT, ZERO
from attention_programs.report.figures.style import INK, MUTED, ORANGE, TOOLTIP, WIDTH

NAMED = 4
"""Heads with the largest effects, which are named on paper, too."""
POINTS_PER_INCH = 72
SIZE, LETTER, LINE = 6.5, 4.2, 7.0
"""Points: the size of names, the width of a letter, and the height of a line."""


def draw_effects(effects: pd.DataFrame, fits: pd.DataFrame) -> Figure:
    """Effect of each head's program against its IoU, and against what the model loses without the head.

    Args:
        effects: ``effects.csv``.
        fits: One row per head with ``iou_test``.
    """
    own, zero = (
        effects[effects["replaced_by"] == kind].set_index("head")["ablation_effect"] for kind in (CORRECT, ZERO)
    )
    joined = fits.set_index("head")[["iou_test"]].join(own, how="inner").join(zero.rename("zero"))
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
    figure.draw_without_rendering()
    _name(left, joined["iou_test"], joined["ablation_effect"])
    _name(right, _positive(joined["zero"]), joined["ablation_effect"])
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
    axes.set_ylim(float(heights.min()) / 1.5, 3 * float(np.max(heights)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid()
    axes.set_axisbelow(True)


def _name(axes: Axes, places: pd.Series, effects: pd.Series) -> None:
    """Names the heads with the largest effects, where their names cover neither each other nor their dots."""
    largest = effects.nlargest(NAMED).index
    heights = _positive(effects)
    in_points = Affine2D().scale(POINTS_PER_INCH / axes.figure.dpi)
    spots = (axes.transData + in_points).transform(np.column_stack([places[largest], heights[largest]]))
    within = axes.bbox.transformed(in_points)
    taken = [Bbox.from_bounds(x - 2, y - 2, 4, 4) for x, y in spots]
    for head, (x, y) in zip(largest, spots, strict=True):
        width = LETTER * len(str(head))
        centred = min(-width / 2, within.x1 - 1 - x - width)
        sides = [
            Bbox.from_bounds(x + left, y + bottom, width, LINE)
            for left, bottom in ((4, -LINE / 2), (-4 - width, -LINE / 2), (centred, 4), (centred, -4 - LINE))
        ]
        free = [box for box in sides if not box.count_overlaps(taken) and within.x0 <= box.x0 and box.x1 <= within.x1]
        box = (free or sides)[0]
        taken.append(box)
        offset = (box.x0 - x, box.y0 - y + 1)
        axes.annotate(
            str(head), (places[head], heights[head]), offset, textcoords="offset points", fontsize=SIZE, color=INK
        )
